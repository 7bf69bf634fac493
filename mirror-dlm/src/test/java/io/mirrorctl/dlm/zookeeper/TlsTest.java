package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server that speaks TLS only and wants to see the client's certificate. */
class TlsTest {
  private static final Duration GIVE_UP = Duration.ofSeconds(2);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir static Path directory;
  private static TlsFiles files;
  private static Path serverTrust;
  private static Path strangerTrust;
  private static Path clientKey;
  private static Path strangerKey;
  private static StandaloneServer server;

  private final Sessions sessions = new Sessions();

  @BeforeAll
  static void start() throws Exception {
    files = new TlsFiles(directory);
    Path serverKey = files.key("server", "ip:127.0.0.1");
    clientKey = files.key("client", "dns:client");
    strangerKey = files.key("stranger", "dns:stranger");
    strangerTrust = files.trustIn("stranger");
    serverTrust = files.trustIn("server");
    server =
        StandaloneServer.secure(
            directory.resolve("data"), files.server(serverKey, files.trustIn("client"), "need"));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void close() {
    sessions.close();
  }

  private static ZooKeeperOptions options(String servers, Path trust, Optional<Path> key) {
    return ZooKeeperOptions.of(servers, "/tls").withTls(files.client(trust, key));
  }

  private ZooKeeperStore connect() {
    return sessions.connect(
        options(server.connectString(), serverTrust, Optional.of(clientKey))
            .withConnectTimeout(PATIENCE));
  }

  private String refusal(Kind kind, ZooKeeperOptions options) {
    CompletableFuture<Throwable> failure =
        ZooKeeperStore.connect(options.withConnectTimeout(GIVE_UP), sessions.loop("refused"))
            .handle((_, e) -> e);
    Throwable cause = failure.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
    assertThat(cause).isInstanceOf(StoreException.class);
    assertThat(((StoreException) cause).kind()).as(cause.getMessage()).isEqualTo(kind);
    return cause.getMessage();
  }

  @Test
  void aSessionWorksOverTls() {
    ZooKeeperStore store = connect();
    var result = store.commit(List.of(new Op.Create("/n", Bytes.EMPTY, Op.Life.EPHEMERAL))).join();
    assertThat(result).isInstanceOf(CommitResult.Committed.class);
    assertThat(store.read("/n").join()).isPresent();
  }

  @Test
  void aServerThatIsNotTrustedIsNamed() {
    connect();
    assertThat(
            refusal(
                Kind.TLS_REFUSED,
                options(server.connectString(), strangerTrust, Optional.of(clientKey))))
        .contains(server.connectString() + ": TLS failed")
        .contains("unable to find valid certification path");
  }

  @Test
  void distrustOfAFewIsAWantOfTheOthers() {
    connect();
    var two =
        options(server.connectString() + ",127.0.0.1:1", strangerTrust, Optional.of(clientKey));
    assertThat(refusal(Kind.UNREACHABLE, two)).contains("TLS failed").contains("refused");
  }

  @Test
  void aServerOfAnotherNameIsNotTrusted() {
    connect();
    String elsewhere = server.connectString("localhost");
    assertThat(refusal(Kind.TLS_REFUSED, options(elsewhere, serverTrust, Optional.of(clientKey))))
        .contains(elsewhere + ": TLS failed")
        .contains("localhost");
  }

  @Test
  void aClientWithoutTheRightCertificateIsToldThatTlsFailed() {
    connect();
    assertThat(
            refusal(
                Kind.TLS_REFUSED, options(server.connectString(), serverTrust, Optional.empty())))
        .contains("TLS failed")
        .contains("wants a certificate of ours");
    assertThat(
            refusal(
                Kind.TLS_REFUSED,
                options(server.connectString(), serverTrust, Optional.of(strangerKey))))
        .contains("TLS failed")
        .contains("refuses our certificate");
  }

  @Test
  void aClientWithoutTlsIsAskedWhetherItWantsIt() {
    connect();
    assertThat(refusal(Kind.UNREACHABLE, ZooKeeperOptions.of(server.connectString(), "/tls")))
        .contains("does this port want TLS?");
  }

  @Test
  void aServerWithoutTlsIsNamed(@TempDir Path data) throws Exception {
    try (var plain = EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(data))) {
      assertThat(
              refusal(
                  Kind.TLS_REFUSED, options(plain.connectString(), serverTrust, Optional.empty())))
          .contains(plain.connectString() + ": TLS failed")
          .contains("it answers without");
    }
  }

  @Test
  void filesThatCannotBeUsedAreNamed() throws Exception {
    Path absent = directory.resolve("absent.p12");
    assertThat(
            refusal(Kind.FILE_UNUSABLE, options(server.connectString(), absent, Optional.empty())))
        .contains(absent.toString())
        .contains("cannot be read");
    Path wrong = Files.writeString(directory.resolve("wrong-password"), "wrong");
    var tls =
        new ZooKeeperOptions.Tls(
            serverTrust, Optional.of(wrong), Optional.empty(), Optional.empty());
    assertThat(
            refusal(
                Kind.FILE_UNUSABLE,
                ZooKeeperOptions.of(server.connectString(), "/tls").withTls(tls)))
        .contains("TLS files cannot be used");
  }
}
