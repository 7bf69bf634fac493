package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.net.HostAndPort;
import io.mirrorctl.cli.command.Mirrorctl;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that serve over TLS, and nodes whose disks are reached over TLS. */
class TlsIT {
  private static final long DISK_BYTES = 32 << 20;

  @TempDir Path directory;
  private TlsFiles tls;
  private final List<AutoCloseable> open = new ArrayList<>();

  @BeforeEach
  void makeCertificates() {
    tls = TlsFiles.make(directory.resolve("tls"));
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private NodeProcess node(String name, List<Object> more) {
    var arguments = new ArrayList<Object>(List.of("--name", name));
    arguments.addAll(List.of("--socket", directory.resolve(name + ".sock")));
    arguments.addAll(more);
    var node = NodeProcess.start(directory.resolve(name + ".log"), arguments.toArray());
    open.add(node);
    return node;
  }

  /** A node that has the array {@code m} of two files and wants certificates. */
  private NodeProcess server() {
    List<Path> disks =
        MemberFiles.create(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
    var arguments = new ArrayList<Object>(List.of("--nbd", "127.0.0.1:0"));
    arguments.addAll(List.of("--assemble", MemberFiles.assemble("m", disks)));
    arguments.addAll(tls.ofNode());
    return node("server", arguments);
  }

  private static String uri(NodeProcess server) {
    int port = HostAndPort.fromString(server.ready().nbd().getFirst()).getPort();
    return "nbds://localhost:%d/m".formatted(port);
  }

  /** A command, in this process as the launcher would run it in another. */
  private static Tool.Output command(List<Object> tlsOptions, Object... words) {
    List<String> all =
        Stream.concat(Stream.of(words), tlsOptions.stream()).map(Object::toString).toList();
    var out = new StringWriter();
    var err = new StringWriter();
    int status =
        Mirrorctl.commandLine()
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(err))
            .execute(all.toArray(String[]::new));
    return new Tool.Output(all, status, out.toString(), err.toString());
  }

  private Path random(String name, long bytes) throws IOException {
    byte[] data = new byte[(int) bytes];
    new SplittableRandom(bytes).nextBytes(data);
    return Files.write(directory.resolve(name), data);
  }

  @Test
  void clientsWithACertificateAreServedAndOthersAreNot() throws Exception {
    NodeProcess server = server();
    String known = uri(server) + "?tls-certificates=" + tls.directory();
    Path in = random("in", 8 << 20);
    Path out = directory.resolve("out");

    assertThat(Tool.of("nbdinfo", known).run().out()).contains("protocol: newstyle-fixed with TLS");
    Tool.of("nbdcopy", "--flush", in, known).run();
    Tool.of("nbdcopy", known, out).run();
    try (var copied = Files.newInputStream(out)) {
      assertThat(copied.readNBytes(8 << 20)).isEqualTo(Files.readAllBytes(in));
    }

    String anonymous = uri(server) + "?tls-certificates=" + tls.anonymous();
    assertThat(Tool.of("nbdinfo", anonymous).runToAnyEnd().status()).isNotZero();
    String plain = uri(server).replace("nbds:", "nbd:");
    assertThat(Tool.of("nbdinfo", "--size", plain).runToAnyEnd())
        .satisfies(run -> {
          assertThat(run.status()).isNotZero();
          assertThat(run.out()).isEmpty();
          assertThat(run.err()).contains("TLS");
        });
    String stranger =
        uri(server)
            + "?tls-certificates="
            + TlsFiles.make(directory.resolve("strangers")).directory();
    assertThat(Tool.of("nbdinfo", stranger).runToAnyEnd().status()).isNotZero();
    assertThat(Tool.of("nbdinfo", "--size", known).run().status()).isZero();
    assertThat(server.terminate()).isZero();
  }

  @Test
  void anArrayOfANodeIsAMemberOfAnotherOverTls() throws Exception {
    NodeProcess server = server();
    Path file = random("c", 0);
    Tool.of("truncate", "-s", DISK_BYTES, file).run();

    assertServedAsMember(uri(server), file);
    assertThat(server.terminate()).isZero();
  }

  @Test
  void anExportOfNbdkitIsAMemberOverTls() throws Exception {
    Path remote = random("remote", 0);
    Path file = random("c", 0);
    Tool.of("truncate", "-s", DISK_BYTES, remote, file).run();
    int port = freePort();
    var nbdkit =
        Background.start(
            List.of(
                "nbdkit",
                "-f",
                "-i",
                "127.0.0.1",
                "-p",
                Integer.toString(port),
                "--tls=require",
                "--tls-verify-peer",
                "--tls-certificates=" + tls.directory(),
                "file",
                remote.toString()),
            directory.resolve("nbdkit.log"));
    open.add(nbdkit);
    String url = "nbds://localhost:%d/".formatted(port);
    nbdkit.await(
        "TLS port",
        () ->
            Tool.of("nbdinfo", "--size", url + "?tls-certificates=" + tls.directory())
                    .runToAnyEnd()
                    .status()
                == 0);

    assertServedAsMember(url, file);
    assertThat(MemberFiles.sameData(file, remote)).isTrue();
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  /** An array of the file and the URL is made, examined, assembled, written and compared. */
  private void assertServedAsMember(String url, Path file) throws Exception {
    assertThat(command(tls.ofDisks(), "create", "outer", file, url).status()).isZero();
    assertThat(command(tls.ofDisks(), "examine", url).out()).contains("outer");
    NodeProcess node = outer(url, file);
    var client = new NodeClient(node.ready().socket());
    ArrayDetail array =
        client.ask(
            new NodeRequest.Wait("outer", NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(60_000)),
            ArrayDetail.class);
    assertThat(array.members()).extracting(ArrayDetail.Member::path).contains(url);

    Path in = random("data", 4 << 20);
    Tool.of("nbdcopy", "--flush", in, node.ready().uri("outer")).run();
    client.ask(new NodeRequest.Fail("outer", url), ArrayDetail.class);
    client.ask(new NodeRequest.Remove("outer", url), ArrayDetail.class);
    client.ask(new NodeRequest.ReAdd("outer", url), ArrayDetail.class); // opened by the node again
    client.ask(
        new NodeRequest.Wait("outer", NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(60_000)),
        ArrayDetail.class);
    assertThat(node.terminate()).isZero();

    Tool.Output compared = command(tls.ofDisks(), "compare", file, url);
    assertThat(compared.status()).as(compared.toString()).isZero();
  }

  private NodeProcess outer(String url, Path file) {
    var arguments = new ArrayList<>(tls.ofDisks());
    arguments.addAll(List.of("--nbd", "unix:" + directory.resolve("outer.nbd")));
    arguments.addAll(List.of("--assemble", "outer=%s,%s".formatted(file, url)));
    return node("outer", arguments);
  }

  @Test
  void whyAServerIsNotUsedIsSaid() throws Exception {
    String url = uri(server());
    TlsFiles strangers = TlsFiles.make(directory.resolve("strangers"));
    List<Object> trusting = List.of("--disk-tls-ca", tls.authority());

    assertRefused(
        command(List.of(), "examine", url),
        1,
        url,
        "certificate is not trusted",
        "the Java runtime",
        "--disk-tls-ca");
    assertRefused(
        command(strangers.ofDisks(), "examine", url),
        1,
        url,
        "certificate is not trusted",
        strangers.authority().toString());
    assertRefused(
        command(trusting, "examine", url.replace("localhost", "127.0.0.1")),
        1,
        "certificate is for another name",
        "tls-hostname=NAME");
    assertRefused(command(trusting, "examine", url), 1, url, "certificate", "--disk-tls-cert");
    assertRefused(
        mirrorctl(
                "node",
                "--name",
                "n",
                "--socket",
                directory.resolve("n.sock"),
                "--assemble",
                "m=" + url,
                "--disk-tls-ca",
                tls.authority())
            .runToAnyEnd(),
        1,
        url,
        "certificate");
    assertRefused(
        command(List.of("--disk-tls-ca", directory.resolve("gone")), "examine", url),
        1,
        directory.resolve("gone") + ": no such file");
    assertRefused(
        command(List.of("--disk-tls-cert", tls.authority()), "examine", url),
        2,
        "--disk-tls-cert and --disk-tls-key need each other");
    assertThat(
            command(
                    tls.ofDisks(),
                    "examine",
                    url.replace("localhost", "127.0.0.1") + "?tls-hostname=localhost")
                .err())
        .contains("no md superblock");
  }

  private static void assertRefused(Tool.Output run, int status, String... words) {
    assertThat(run.status()).as(run.toString()).isEqualTo(status);
    assertThat(run.err()).startsWith("mirrorctl: ").contains(words).hasLineCount(1);
  }
}
