package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayNames;
import io.mirrorctl.cli.daemon.ControlSocket;
import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.NodeConfig;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScanConfig;
import io.mirrorctl.cli.nbd.NbdAddress;
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
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

@Command(
    name = "node",
    description =
        "Run a node in the foreground until SIGTERM. When it serves it prints one line: ready name=... socket=... nbd=..., with --http http=..., and in a cluster zookeeper=...")
final class NodeCommand extends DiskSubcommand {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = {
        "Take what the command line does not say from this file: a line KEY: VALUE for each option,"
            + " whose name without the dashes is the KEY. Besides, disks: says where to look for members,"
            + " and arrays: what to assemble. See mirrorctl help config."
      })
  private Optional<Path> config;

  @Option(names = "--name", paramLabel = "NAME", description = "The node's name; needed.")
  private Optional<String> name;

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

  @Mixin private HttpOption http;

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
    NodeConfig config =
        this.config.isPresent() ? config(this.config.get()) : config(ScanConfig.NONE);
    NbdListenOptions.warn(config.nbd(), config.tls(), console);
    HttpOption.warn(config.http(), console);
    var life = new NodeLife(console);
    NodeLife.onEnd(life::end);
    Node node = life.start(unwanted -> Node.start(config, Env.system(), unwanted));
    NodeLife.serve(node.readyLine(), console);
    return ExitCode.DONE;
  }

  /** What the command line says, and the file where that is silent. */
  private NodeConfig config(Path path) throws IOException {
    NodeFile file = NodeFile.read(path, spec());
    ParseResult typed = spec().commandLine().getParseResult();
    List<String> all = new ArrayList<>(typed.originalArgs());
    all.addAll(file.argumentsBeside(typed::hasMatchedOption));
    try {
      var _ = spec().root().commandLine().parseArgs(all.toArray(String[]::new));
      return config(file.scan());
    } catch (ParameterException e) {
      throw new ParameterException(e.getCommandLine(), file.withPlace(e.getMessage()), e);
    }
  }

  private NodeConfig config(ScanConfig scan) throws IOException {
    String called = name.orElseThrow(() -> usage("Missing required option: '--name=NAME'"));
    if (called.isEmpty() || called.chars().anyMatch(c -> c <= ' ' || c == 127)) {
      throw usage("the node's --name \"%s\" is empty or has a blank in it", called);
    }
    try {
      List<NodeRequest.Assemble> arrays = assemble.stream().map(this::array).toList();
      return new NodeConfig(
          called,
          socket
              .map(path -> path.toAbsolutePath().normalize())
              .orElseGet(ControlSocket::defaultPath),
          nbd.stream().map(NbdAddress::parse).toList(),
          tls.tls(),
          diskTls(),
          cluster.config(called),
          arrays,
          scan.without(arrays),
          http.address());
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
