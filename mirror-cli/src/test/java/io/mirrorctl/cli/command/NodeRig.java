package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;

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
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A node in this process, with member files in a directory. */
final class NodeRig implements AutoCloseable {
  static final long DISK_BYTES = 8 << 20;
  static final long CHUNK_BYTES = 64 << 10;

  private final Path directory;
  private final Node node;

  private NodeRig(Path directory, Node node) {
    this.directory = directory;
    this.node = node;
  }

  static NodeRig start(Path directory) throws IOException, InterruptedException {
    Path socket = directory.resolve("node.sock");
    return new NodeRig(
        directory,
        Node.start(
            new NodeConfig(
                "n1",
                socket,
                List.of(new NbdAddress.Unix(directory.resolve("nbd.sock"))),
                NbdTls.OFF,
                NbdClientTls.DEFAULT,
                Optional.empty(),
                List.of(),
                ScanConfig.NONE,
                Optional.of(HttpAddress.parse(":0"))),
            Env.system()));
  }

  /** An empty file. */
  Path file(String name, long bytes) throws IOException {
    Path file = directory.resolve(name);
    try (var out = new RandomAccessFile(file.toFile(), "rw")) {
      out.setLength(bytes);
    }
    return file;
  }

  /** New member files of an array whose members are taken to be equal. */
  List<Path> members(BitmapKind kind, String... names) throws IOException {
    List<Path> files = new ArrayList<>();
    for (String name : names) {
      files.add(file(name, DISK_BYTES));
    }
    List<BlockDevice> devices = new ArrayList<>();
    for (Path file : files) {
      devices.add(FileDevice.open(file, new DeviceAccess.Exclusive()));
    }
    try {
      ArrayCreation.plan(
              new ArrayCreation.Request(
                  "host:m",
                  devices,
                  List.of(),
                  List.of(),
                  kind,
                  4,
                  kind == BitmapKind.CLUSTERED ? "c" : "",
                  kind == BitmapKind.NONE ? 0 : CHUNK_BYTES,
                  0,
                  true,
                  false),
              Env.system())
          .write();
    } finally {
      for (BlockDevice device : devices) {
        device.close();
      }
    }
    return files;
  }

  /** An assembled array m of two members. */
  List<Path> mirror() throws IOException {
    List<Path> files = members(BitmapKind.INTERNAL, "a", "b");
    Cli.Run run = run("assemble", "m", files.get(0), files.get(1));
    if (run.code() != 0) {
      throw new AssertionError(run.err());
    }
    return files;
  }

  /** Changes a byte of a file behind everybody's back. */
  static void overwrite(Path file, long offset, String text) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(text.getBytes(UTF_8)), offset);
    }
  }

  Path socket() {
    return node.socket();
  }

  /** The NBD URI of an export. */
  String uri(String export) {
    return "nbd+unix:///%s?socket=%s".formatted(export, directory.resolve("nbd.sock"));
  }

  /** Runs a command against this node. */
  Cli.Run run(Object... arguments) {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 2);
    all[arguments.length] = "--socket";
    all[arguments.length + 1] = socket();
    return Cli.run(all);
  }

  Node node() {
    return node;
  }

  @Override
  public void close() throws IOException {
    node.close();
  }
}
