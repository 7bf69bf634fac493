package io.mirrorctl.cli.command;

import io.mirrorctl.cli.cluster.ClusterConfig;
import io.mirrorctl.cli.daemon.HttpAddress;
import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.NodeConfig;
import io.mirrorctl.cli.daemon.ScanConfig;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.cluster.PathPolicy;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** A node of a cluster in this process, and the commands that are asked of it. */
final class ClusterRig implements AutoCloseable {
  private static final long DISK_BYTES = 8 << 20;

  /** Long enough for a machine with much to do. */
  private static final Duration SESSION = Duration.ofSeconds(6);

  private final Path directory;
  private final Node node;

  private ClusterRig(Path directory, Node node) {
    this.directory = directory;
    this.node = node;
  }

  static ClusterRig start(EmbeddedZooKeeper zookeeper, Path directory, String name)
      throws IOException, InterruptedException {
    return start(zookeeper, directory, name, name);
  }

  /**
   * Starts one.
   *
   * @param place under which its sockets are known
   */
  static ClusterRig start(EmbeddedZooKeeper zookeeper, Path directory, String name, String place)
      throws IOException, InterruptedException {
    var cluster =
        new ClusterConfig(
            "c",
            name,
            OptionalInt.empty(),
            Optional.of(ZooKeeperOptions.of(zookeeper.connectString(), ClusterConfig.root("c"))),
            Optional.empty(),
            Optional.of(SESSION),
            Optional.empty(),
            PathPolicy.LEAVE);
    Path own = directory.resolve(place);
    return new ClusterRig(
        own,
        Node.start(
            new NodeConfig(
                name,
                own.resolve("node.sock"),
                List.of(new NbdAddress.Unix(own.resolve("nbd.sock"))),
                NbdTls.OFF,
                NbdClientTls.DEFAULT,
                Optional.of(cluster),
                List.of(),
                ScanConfig.NONE,
                Optional.of(HttpAddress.parse(":0"))),
            Env.system()));
  }

  /** New member files of an array whose members are taken to be equal. */
  static List<Path> disks(Path directory, BitmapKind kind, String... names) throws IOException {
    List<Path> files = new ArrayList<>();
    List<BlockDevice> devices = new ArrayList<>();
    for (String name : names) {
      Path file = directory.resolve(name);
      try (var out = new RandomAccessFile(file.toFile(), "rw")) {
        out.setLength(DISK_BYTES);
      }
      files.add(file);
      devices.add(FileDevice.open(file, new DeviceAccess.Exclusive()));
    }
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "host:m",
                devices,
                List.of(),
                List.of(),
                kind,
                kind == BitmapKind.CLUSTERED ? 4 : 1,
                kind == BitmapKind.CLUSTERED ? "c" : "",
                64 << 10,
                0,
                true,
                false),
            Env.system())
        .write();
    for (BlockDevice device : devices) {
      device.close();
    }
    return files;
  }

  /** Runs a command against this node. */
  Cli.Run run(Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 2);
    all[arguments.length] = "--socket";
    all[arguments.length + 1] = node.socket();
    return Cli.run(all);
  }

  /** Runs one that must succeed. */
  Cli.Run done(Object... arguments) {
    Cli.Run run = run(arguments);
    if (run.code() != 0) {
      throw new AssertionError(run.err());
    }
    return run;
  }

  /** The NBD URI of an export. */
  String uri(String export) {
    return "nbd+unix:///%s?socket=%s".formatted(export, directory.resolve("nbd.sock"));
  }

  Node node() {
    return node;
  }

  @Override
  public void close() throws IOException {
    node.close();
  }
}
