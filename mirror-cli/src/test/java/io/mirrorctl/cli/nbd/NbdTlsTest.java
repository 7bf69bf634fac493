package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.nbd.NbdTls.Mode;
import io.mirrorctl.cli.nbd.Program.Result;
import io.mirrorctl.core.block.SimDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class NbdTlsTest {
  private static final int SIZE = 8 << 20;

  @TempDir static Path shared;
  private static Certificates certificates;

  @TempDir Path directory;
  private final SimDisk disk = new SimDisk("disk", SIZE);

  @BeforeAll
  static void makeCertificates() throws Exception {
    certificates = new Certificates(shared.resolve("pki"), "localhost");
  }

  private static NbdTls tls(Mode mode) {
    return NbdTls.of(
        mode, certificates.file("server-cert.pem"), certificates.file("server-key.pem"));
  }

  /** What a client without a certificate needs to know the server. */
  private Path anonymous() throws IOException {
    Path pki = Files.createDirectory(directory.resolve("anonymous"));
    Files.copy(certificates.file("ca-cert.pem"), pki.resolve("ca-cert.pem"));
    return pki;
  }

  private TestServer server(NbdTls tls) {
    return TestServer.start(c -> c.withTls(tls)).with("vol", disk);
  }

  // ---- what is told without TLS

  @Test
  void aServerThatRequiresTlsTellsNothingBefore() throws IOException {
    try (var server = server(tls(Mode.REQUIRE))) {
      try (RawClient client = RawClient.greeted(server.address())) {
        for (int option :
            new int[] {
              Nbd.OPT_LIST,
              Nbd.OPT_INFO,
              Nbd.OPT_GO,
              Nbd.OPT_STRUCTURED_REPLY,
              Nbd.OPT_SET_META_CONTEXT,
              Nbd.OPT_LIST_META_CONTEXT,
              Nbd.OPT_EXTENDED_HEADERS,
              4711
            }) {
          assertThat(client.option(option)).isEqualTo(Nbd.REP_ERR_TLS_REQD);
        }
        assertThat(client.go("vol").getLast().type()).isEqualTo(Nbd.REP_ERR_TLS_REQD);
        assertThat(client.option(Nbd.OPT_ABORT)).isEqualTo(Nbd.REP_ACK);
      }
      try (RawClient client = RawClient.greeted(server.address())) {
        client.sendOption(Nbd.OPT_EXPORT_NAME, "vol".getBytes(StandardCharsets.UTF_8));
        client.assertClosed();
      }
      assertThat(disk.log()).isEmpty();
    }
  }

  @Test
  void aServerThatAllowsTlsServesPlainTextToo() throws IOException {
    try (var server = server(tls(Mode.ALLOW));
        RawClient client = server.client("vol", true)) {
      assertThat(client.structuredRead(0, 4096)).containsOnly(0);
    }
  }

  @Test
  void plainTextSentBehindTheRequestForTlsIsNotTaken() throws IOException {
    for (Mode mode : new Mode[] {Mode.ALLOW, Mode.REQUIRE}) {
      try (var server = server(tls(mode));
          RawClient client = RawClient.greeted(server.address())) {
        client.send(
            RawClient.bytes(out -> {
              out.writeLong(Nbd.OPTION_MAGIC);
              out.writeInt(Nbd.OPT_STARTTLS);
              out.writeInt(0);
              out.writeLong(Nbd.OPTION_MAGIC);
              out.writeInt(Nbd.OPT_STRUCTURED_REPLY);
              out.writeInt(0);
            }));
        client.assertClosed();
      }
    }
  }

  @Test
  void whatWasAgreedInPlainTextIsForgottenWithTls() throws Exception {
    SSLContext context = SSLContext.getInstance("TLSv1.3");
    context.init(null, TlsContexts.authorities(certificates.file("ca-cert.pem")), null);
    try (var server = server(tls(Mode.ALLOW));
        RawClient client = RawClient.greeted(server.address())) {
      assertThat(client.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
      client.meta(Nbd.OPT_SET_META_CONTEXT, "vol", Nbd.CONTEXT_BASE_ALLOCATION);
      assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ACK);
      client.shakeHands(context);
      assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ERR_INVALID);
      assertThat(client.go("vol").getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(client.simpleRead(0, 512)).containsOnly(0);
      client.sendRequest(0, Nbd.CMD_BLOCK_STATUS, 1, 0, 512);
      assertThat(client.simpleReply(1)).isEqualTo(Nbd.EINVAL);
    }
  }

  @Test
  void whatIsNotTlsBehindTheAcknowledgementEndsTheConnection() throws IOException {
    try (var server = server(tls(Mode.REQUIRE));
        RawClient client = RawClient.greeted(server.address())) {
      assertThat(client.option(Nbd.OPT_STARTTLS, new byte[1]).getLast().type())
          .isEqualTo(Nbd.REP_ERR_INVALID);
      assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ACK);
      client.send(new byte[100]);
      // an alert at most
      assertThat(client.receiveAll()).hasSizeLessThan(64);
    }
  }

  @Test
  void aTlsHandshakeThatStopsIsTimedOut() throws IOException {
    NbdTls tls = tls(Mode.REQUIRE);
    try (var server =
            TestServer.start(c ->
                c.withTls(tls)
                    .withTimes(
                        Duration.ofMillis(300), Duration.ofMinutes(1), Duration.ofSeconds(1)));
        RawClient client = RawClient.greeted(server.address())) {
      assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ACK);
      client.assertClosed();
    }
  }

  // ---- real clients

  private String tlsUri(TestServer server, Path pki) {
    return server.uri("vol").replace("nbd+unix:///", "nbds+unix://localhost/")
        + "&tls-certificates="
        + pki;
  }

  @Test
  void libnbdTalksThroughTls() throws Exception {
    try (var server = server(tls(Mode.REQUIRE))) {
      Path pki = anonymous();
      String info = Program.run("nbdinfo", tlsUri(server, pki));
      assertThat(info).contains("newstyle-fixed with TLS", "structured packets", "8388608");

      byte[] data = new byte[SIZE];
      new Random(1).nextBytes(data);
      Path file = Files.write(directory.resolve("in"), data);
      Program.run("nbdcopy", file, tlsUri(server, pki));
      assertThat(disk.peek(0, SIZE)).isEqualTo(data);
      Path back = directory.resolve("out");
      Program.run("nbdcopy", tlsUri(server, pki), back);
      assertThat(Files.readAllBytes(back)).isEqualTo(data);

      Result plain = Program.toAnyEnd("nbdinfo", server.uri("vol"));
      assertThat(plain.status()).isNotZero();
      assertThat(plain.out()).doesNotContain("8388608");
    }
  }

  @Test
  void qemuTalksThroughTlsOverTcp() throws Exception {
    byte[] data = new byte[SIZE];
    new Random(2).nextBytes(data);
    Path file = Files.write(directory.resolve("in"), data);
    NbdTls tls = tls(Mode.REQUIRE).withClientAuthority(certificates.file("ca-cert.pem"));
    var config = NbdServerConfig.on(NbdAddress.parse("127.0.0.1:0")).withTls(tls);
    var exports = new NbdExports();
    exports.add("vol", disk, "");
    try (NbdServer server = NbdServer.start(config, exports)) {
      int port = ((NbdAddress.Tcp) server.addresses().getFirst()).port();
      String creds = "tls-creds-x509,id=tls0,endpoint=client,dir=" + certificates.dir();
      String target = "driver=nbd,host=localhost,port=%d,export=vol,tls-creds=tls0".formatted(port);
      Program.run(
          "qemu-img",
          "convert",
          "-n",
          "--object",
          creds,
          "-f",
          "raw",
          "--target-image-opts",
          file,
          target);
      assertThat(disk.peek(0, SIZE)).isEqualTo(data);
      Result compared =
          Program.toAnyEnd(
              "qemu-img",
              "compare",
              "--object",
              creds,
              "--image-opts",
              "driver=raw,file.driver=file,file.filename=" + file,
              target);
      assertThat(compared.mustSucceed().out()).contains("identical");
    }
  }

  @Test
  void clientsWithoutACertificateAreTurnedAwayWhereOneIsDemanded() throws Exception {
    NbdTls tls = tls(Mode.REQUIRE).withClientAuthority(certificates.file("ca-cert.pem"));
    try (var server = server(tls)) {
      assertThat(Program.run("nbdinfo", "--size", tlsUri(server, certificates.dir())))
          .isEqualTo("" + SIZE);
      Result refused = Program.toAnyEnd("nbdinfo", "--size", tlsUri(server, anonymous()));
      assertThat(refused.status()).isNotZero();
      assertThat(refused.out()).isEmpty();

      Path strangers = directory.resolve("strangers");
      new Certificates(strangers, "localhost");
      Files.copy(
          certificates.file("ca-cert.pem"),
          strangers.resolve("ca-cert.pem"),
          java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      Result stranger = Program.toAnyEnd("nbdinfo", "--size", tlsUri(server, strangers));
      assertThat(stranger.status()).isNotZero();
      assertThat(stranger.out()).isEmpty();
    }
  }

  // ---- files

  private Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  private void assertRefused(Path certificate, Path key, String... words) {
    assertThatThrownBy(() -> NbdTls.of(Mode.ALLOW, certificate, key).load())
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(words);
  }

  @Test
  void badFilesAreNamedWithWhatIsWrong() throws Exception {
    Path certificate = certificates.file("server-cert.pem");
    Path key = certificates.file("server-key.pem");
    assertRefused(directory.resolve("none"), key, "none", "no such file");
    assertRefused(certificate, directory.resolve("none"), "none", "no such file");
    Path text = write("text", "hello");
    assertRefused(text, key, "text", "BEGIN CERTIFICATE");
    assertRefused(certificate, text, "text", "BEGIN PRIVATE KEY", "openssl pkcs8");
    assertRefused(key, key, "server-key.pem", "BEGIN CERTIFICATE");
    assertRefused(
        certificate, certificates.file("client-key.pem"), "client-key.pem", "server-cert.pem");
    Path damaged =
        write("damaged", "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n");
    assertRefused(damaged, key, "damaged", "certificate 1");
    Path noBase64 = write("broken", "-----BEGIN PRIVATE KEY-----\nA\n-----END PRIVATE KEY-----\n");
    assertRefused(certificate, noBase64, "broken", "base64");
    Path noKey = write("nokey", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    assertRefused(certificate, noKey, "nokey", "damaged");
  }

  @Test
  void keysOfOtherFormsAreRefusedWithTheCommandThatChangesThem() throws Exception {
    Path old = directory.resolve("old");
    Program.run(
        "openssl", "rsa", "-traditional", "-in", certificates.file("client-key.pem"), "-out", old);
    assertRefused(
        certificates.file("client-cert.pem"), old, "BEGIN RSA PRIVATE KEY", "openssl pkcs8 -topk8");
    Path encrypted = directory.resolve("encrypted");
    Program.run(
        "openssl",
        "pkcs8",
        "-topk8",
        "-passout",
        "pass:secret",
        "-in",
        certificates.file("server-key.pem"),
        "-out",
        encrypted);
    assertRefused(certificates.file("server-cert.pem"), encrypted, "BEGIN ENCRYPTED PRIVATE KEY");
  }

  @Test
  void keysOfEveryUsualKindAreTaken() throws Exception {
    for (String kind : Arrays.asList("ec -pkeyopt ec_paramgen_curve:P-256", "ed25519")) {
      Path key = directory.resolve("key");
      Path certificate = directory.resolve("cert");
      Program.run(
          "sh",
          "-c",
          "openssl req -x509 -newkey %s -nodes -days 2 -subj /CN=localhost -keyout %s -out %s"
              .formatted(kind, key, certificate));
      assertThat(NbdTls.of(Mode.ALLOW, certificate, key).load().offered()).isTrue();
    }
  }

  @Test
  void settingsThatProtectNothingAreRefused() {
    Path file = Path.of("x");
    assertThatThrownBy(
            () -> new NbdTls(Mode.ALLOW, Optional.empty(), Optional.empty(), Optional.empty()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NbdTls.of(Mode.ALLOW, file, file).withClientAuthority(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("require");
  }
}
