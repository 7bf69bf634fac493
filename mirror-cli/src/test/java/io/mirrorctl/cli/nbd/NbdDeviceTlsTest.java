package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NbdDeviceTlsTest {
  @TempDir static Path shared;
  private static Certificates certificates;
  private static Certificates strangers;

  @TempDir Path dir;
  private ServerProcess server;

  @BeforeAll
  static void makeCertificates() throws Exception {
    certificates = new Certificates(shared.resolve("ours"), "localhost");
    strangers = new Certificates(shared.resolve("theirs"), "elsewhere");
  }

  @AfterEach
  void stopTheServer() {
    if (server != null) {
      server.close();
    }
  }

  private static NbdDevice connect(NbdUri uri, NbdClientTls tls) throws IOException {
    return NbdDevice.connect(uri, NbdClientConfig.DEFAULT.withTls(tls), Env.system());
  }

  private static NbdClientTls known() {
    return certificates
        .trusting()
        .presenting(certificates.file("client-cert.pem"), certificates.file("client-key.pem"));
  }

  private static void refused(String words, NbdUri uri, NbdClientTls tls) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> {
          try (NbdDevice device = connect(uri, tls)) {
            device.flush();
          }
        })
        .withMessageStartingWith(uri + ": ")
        .withMessageContaining(words);
  }

  /** Writes and reads pieces of all sizes from many threads. */
  private static void exercise(NbdDevice device) throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> shares = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        int share = i;
        shares.add(
            threads.submit(() -> {
              var random = new Random(share);
              for (int round = 0; round < 6; round++) {
                byte[] data = new byte[512 * (1 + random.nextInt(round == 0 ? 3000 : 40))];
                random.nextBytes(data);
                long offset = ((long) share << 22) + 512L * random.nextInt(1000);
                ByteBuffer direct = ByteBuffer.allocateDirect(data.length).put(data).flip();
                device.write(offset, direct, WriteOption.NONE);
                ByteBuffer into = ByteBuffer.allocate(data.length);
                device.read(offset, into);
                assertThat(Arrays.equals(into.array(), data)).isTrue();
              }
              device.flush();
              return null;
            }));
      }
      for (Future<?> share : shares) {
        share.get();
      }
    }
    assertThat(device.status().reconnects()).isZero();
  }

  private Path file() throws IOException {
    Path file = dir.resolve("disk");
    try (var disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(64 << 20);
    }
    return file;
  }

  private ServerProcess nbdkit(Certificates shown, String... arguments) throws IOException {
    server = ServerProcess.nbdkitOverTls(dir, shown.dir(), arguments);
    return server;
  }

  @Test
  void nbdkitIsSpokenToOverTls() throws Exception {
    NbdUri uri = nbdkit(certificates, "memory", "64M").uri();
    try (NbdDevice device = connect(uri, certificates.trusting())) {
      exercise(device);
    }
  }

  @Test
  void qemuNbdIsSpokenToWithAClientCertificate() throws Exception {
    server =
        ServerProcess.qemuNbd(
            dir,
            "nbds",
            "--object=tls-creds-x509,id=t,endpoint=server,verify-peer=yes,dir="
                + certificates.dir(),
            "--tls-creds=t",
            file().toString());
    try (NbdDevice device = connect(server.uri(), known())) {
      exercise(device);
    }
    refused("may want a certificate", server.uri(), certificates.trusting());
  }

  @Test
  void aServerThatDemandsACertificateGetsOne() throws Exception {
    NbdUri uri = nbdkit(certificates, "--tls-verify-peer", "memory", "1M").uri();
    try (NbdDevice device = connect(uri, known())) {
      device.flush();
    }
    refused("may want a certificate", uri, certificates.trusting());
    refused(
        "may not accept this client's certificate",
        uri,
        certificates
            .trusting()
            .presenting(strangers.file("client-cert.pem"), strangers.file("client-key.pem")));
  }

  @Test
  void aServerOfAnotherAuthorityIsNotTrusted() throws Exception {
    NbdUri uri = nbdkit(certificates, "memory", "1M").uri();
    refused(
        "its certificate is not trusted: none of the authorities in %s has signed it"
            .formatted(strangers.file("ca-cert.pem")),
        uri,
        strangers.trusting());
    refused(
        "the authorities in the Java runtime has signed it (unable to find valid certification path to requested target); name the PEM file of its authority with --disk-tls-ca",
        uri,
        NbdClientTls.DEFAULT);
  }

  @Test
  void aServerOfAnotherNameIsNotTrustedUnlessThatIsWanted() throws Exception {
    NbdUri uri = nbdkit(strangers, "memory", "1M").uri();
    refused(
        "its certificate is for another name (No subject alternative DNS name matching localhost found.)",
        uri,
        strangers.trusting());
    connect(uri, strangers.trusting().withoutHostnameVerification()).close();
    connect(NbdUri.parse(uri + "?tls-hostname=elsewhere"), strangers.trusting()).close();
    NbdUri wrong = NbdUri.parse(uri + "?tls-hostname=localhost");
    refused("localhost", wrong, strangers.trusting());
  }

  @Test
  void bothSidesMustWantTls() throws Exception {
    NbdUri uri = nbdkit(certificates, "memory", "1M").uri();
    NbdUri plain = NbdUri.parse(uri.toString().replace("nbds:", "nbd:"));
    refused("write nbds://", plain, certificates.trusting());
    server.close();
    server = ServerProcess.nbdkit(dir, "memory", "1M");
    NbdUri secret = NbdUri.parse(server.uri().toString().replace("nbd+", "nbds+"));
    refused("does not do TLS", secret, certificates.trusting());
  }

  @Test
  void tlsWorksOverAUnixSocketToo() throws Exception {
    server =
        ServerProcess.nbdkit(
            dir, "--tls=require", "--tls-certificates=" + certificates.dir(), "memory", "64M");
    NbdUri secret = NbdUri.parse(server.uri().toString().replace("nbd+", "nbds+"));
    try (NbdDevice device = connect(secret, certificates.trusting())) {
      exercise(device);
    }
    NbdUri named = NbdUri.parse(secret + "&tls-hostname=elsewhere");
    refused("elsewhere", named, certificates.trusting());
  }

  @Test
  void aConnectionOverTlsIsRenewed() throws Exception {
    NbdUri uri = nbdkit(certificates, "file", file().toString()).uri();
    try (NbdDevice device = connect(uri, certificates.trusting())) {
      ByteBuffer data = ByteBuffer.allocate(512).put(0, (byte) 7);
      device.write(0, data, WriteOption.ONLY_DURABLE);
      server.kill();
      server.start();
      ByteBuffer into = ByteBuffer.allocate(512);
      device.read(0, into);
      assertThat(into.array()).isEqualTo(data.array());
      assertThat(device.status().reconnects()).isEqualTo(1);
    }
  }

  @Test
  void filesThatWillNotDoAreNamed() throws Exception {
    NbdUri uri = nbdkit(certificates, "memory", "1M").uri();
    Path missing = dir.resolve("missing.pem");
    Path nonsense = Files.writeString(dir.resolve("nonsense.pem"), "nonsense");
    Path certificate = certificates.file("client-cert.pem");
    Path key = certificates.file("client-key.pem");
    NbdClientTls sound = certificates.trusting();
    refused(missing + ": no such file", uri, NbdClientTls.trusting(missing));
    refused(nonsense + ": ", uri, NbdClientTls.trusting(nonsense));
    refused(nonsense + ": no \"BEGIN PRIVATE KEY\"", uri, sound.presenting(certificate, nonsense));
    refused(nonsense + ": ", uri, sound.presenting(nonsense, key));
    certificates.openssl("rsa", "-in", key.toString(), "-traditional", "-out", "old.pem");
    Path old = certificates.file("old.pem");
    refused("openssl pkcs8", uri, sound.presenting(certificate, old));
    String damaged = Files.readString(key).replaceAll("(?m)^M.*$", "AAAA");
    Path broken = Files.writeString(dir.resolve("broken.pem"), damaged);
    refused(broken + ": the private key is damaged", uri, sound.presenting(certificate, broken));
    Path other = certificates.file("server-key.pem");
    refused(other + " is not the private key of", uri, sound.presenting(certificate, other));
    assertThatIllegalArgumentException()
        .isThrownBy(() ->
            new NbdClientTls(Optional.empty(), Optional.of(certificate), Optional.empty(), true));
  }
}
