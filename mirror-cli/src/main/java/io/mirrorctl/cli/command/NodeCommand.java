package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayNames;
import io.mirrorctl.cli.daemon.ControlSocket;
import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.NodeConfig;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "node",
    description =
        "Run a node in the foreground until SIGTERM. When it serves it prints one line: ready name=... socket=... nbd=..., and in a cluster zookeeper=...")
final class NodeCommand extends DiskSubcommand {
  @Option(names = "--name", paramLabel = "NAME", required = true, description = "The node's name.")
  private String name;

  @Option(
      names = "--nbd",
      paramLabel = "ADDR",
      description =
          "Offer the arrays over NBD at host:port or unix:PATH; port 0 takes a free one. May be repeated.")
  private List<String> nbd = new ArrayList<>();

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "The control socket; else $MIRRORCTL_SOCKET, else the default one.")
  private Optional<Path> socket;

  @Mixin private NbdListenOptions tls;

  @Option(
      names = "--assemble",
      paramLabel = "NAME=DISK,DISK",
      description =
          "Start this array before serving. A comma inside a DISK is written \\,"
              + " and a backslash \\\\. May be repeated.")
  private List<String> assemble = new ArrayList<>();

  @Option(names = "--run", description = "Start these arrays although members are missing.")
  private boolean run;

  @Option(names = "--readonly", description = "Write nothing at all to the disks of these arrays.")
  private boolean readOnly;

  @Option(
      names = "--force",
      description =
          "Take clustered ones for this node alone, or, with --cluster, from somebody else who gives"
              + " no sign of life; destroys data if another node has them.")
  private boolean force;

  @Option(
      names = "--coherent",
      description =
          "Requests of different nodes to one block of these arrays are ordered; the same on all"
              + " nodes.")
  private boolean coherent;

  @Mixin private ClusterOptions cluster;

  @Override
  ExitCode run(Console console) throws IOException, InterruptedException {
    NodeConfig config = config();
    config.nbd().stream()
        .filter(address ->
            config.tls().mode() != NbdTls.Mode.REQUIRE && NbdListenOptions.isOpenToOthers(address))
        .forEach(address ->
            console.note(
                "NBD at %s can be reached from other hosts, and anybody there can read and write without TLS",
                address));
    var life = new NodeLife(console);
    Runtime.getRuntime().addShutdownHook(new Thread(life::end, "mirror-shutdown"));
    Node node = life.start(unwanted -> Node.start(config, Env.system(), unwanted));
    console.out().println(node.readyLine());
    console.out().flush();
    new CountDownLatch(1).await(); // a signal ends the process
    return ExitCode.DONE;
  }

  private NodeConfig config() throws IOException {
    if (name.isEmpty() || name.chars().anyMatch(c -> c <= ' ' || c == 127)) {
      throw usage("the node's name \"%s\" is empty or has a blank in it", name);
    }
    try {
      return new NodeConfig(
          name,
          socket
              .map(path -> path.toAbsolutePath().normalize())
              .orElseGet(ControlSocket::defaultPath),
          nbd.stream().map(NbdAddress::parse).toList(),
          tls.tls(),
          diskTls(),
          cluster.config(name),
          assemble.stream().map(this::array).toList());
    } catch (IllegalArgumentException e) {
      throw usage("%s", e.getMessage());
    }
  }

  private NodeRequest.Assemble array(String text) {
    AssembleOption option = AssembleOption.parse(text);
    return new NodeRequest.Assemble(
        ArrayNames.check(option.name()), disks(option.disks()), run, readOnly, force, coherent);
  }
}
