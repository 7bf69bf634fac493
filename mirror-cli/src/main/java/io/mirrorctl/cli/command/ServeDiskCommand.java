package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.DiskServer;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "serve-disk",
    description =
        "Export one raw disk over NBD in the foreground until SIGTERM, for nodes that have it as a"
            + " member: it refuses those that are dead, whatever they still send. When it serves it"
            + " prints one line: ready disk=... name=... nbd=... state=..., and with --http http=...")
final class ServeDiskCommand extends Subcommand {
  @Parameters(paramLabel = "DISK", description = "A file or block device.")
  private String disk;

  @Option(
      names = "--nbd",
      paramLabel = "ADDR",
      required = true,
      description = "Listen at host:port or unix:PATH; port 0 takes a free one. May be repeated.")
  private List<String> nbd = new ArrayList<>();

  @Option(
      names = "--name",
      paramLabel = "NAME",
      description =
          "Name of the export, the file name of DISK if left out; URLs may leave it out too.")
  private Optional<String> name;

  @Option(
      names = "--state",
      paramLabel = "FILE",
      description =
          "Where it is kept which nodes are refused, for later runs. DISK.fences if left out; for a"
              + " block device a file in ~/.local/state/mirrorctl/fences (/var/lib/mirrorctl/fences for"
              + " root), which goes by the device's name.")
  private Optional<Path> state;

  @Option(
      names = "--allow-anonymous",
      description =
          "Let clients that are no nodes of a cluster write although nodes have used the disk, while"
              + " none is connected; else they can only read then. For create and zero-superblock.")
  private boolean anonymousWriters;

  @Mixin private HttpOption http;

  @Mixin private NbdListenOptions tls;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    DiskServer.Config config = config();
    NbdListenOptions.warn(config.nbd().addresses(), config.nbd().tls(), console);
    HttpOption.warn(config.http(), console);
    DiskServer server = DiskServer.start(config, Env.system());
    NodeLife.onEnd(() -> NodeLife.end(server, console));
    if (!server.isDirect()) {
      console.note(
          "%s is on a file system without direct I/O, so a crash of this host loses what was not flushed",
          config.disk());
    }
    NodeLife.serve(server.readyLine(), console);
    return ExitCode.DONE;
  }

  private DiskServer.Config config() {
    if (NbdUri.looksLike(disk)) {
      throw usage("%s is an NBD export already; serve-disk takes a file or block device", disk);
    }
    try {
      Path path = Path.of(disk(disk));
      String called = name.orElseGet(() -> String.valueOf(path.getFileName()));
      NbdAddress[] addresses = nbd.stream().map(NbdAddress::parse).toArray(NbdAddress[]::new);
      return new DiskServer.Config(
          path,
          called,
          state.map(file -> file.toAbsolutePath().normalize()).orElseGet(() -> stateOf(path)),
          anonymousWriters,
          NbdServerConfig.on(addresses).withTls(tls.tls()),
          http.address());
    } catch (IllegalArgumentException e) {
      throw usage("%s", e.getMessage());
    }
  }

  /** By the disk's own name, whatever link was typed. */
  private static Path stateOf(Path typed) {
    Path path = real(typed);
    if (path.startsWith("/dev")) {
      String name = path.toString().substring(1).replace('/', '-');
      return StateDirectory.ours().resolve("fences").resolve(name);
    }
    return path.resolveSibling(path.getFileName() + ".fences");
  }

  private static Path real(Path typed) {
    try {
      return typed.toRealPath();
    } catch (IOException e) {
      return typed; // opening it will fail with a better message
    }
  }
}
