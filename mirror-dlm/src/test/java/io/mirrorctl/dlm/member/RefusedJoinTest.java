package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Joins that real servers refuse, or cannot answer. */
class RefusedJoinTest {
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration TRY = Duration.ofSeconds(1);

  @TempDir Path directory;
  private EmbeddedZooKeeper server;
  private Loop loop;
  private Membership membership;

  @BeforeEach
  void start() throws Exception {
    server = EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory.resolve("data")));
    loop = Loop.start("refused", (_, _) -> {});
  }

  @AfterEach
  void stop() {
    if (membership != null) {
      membership.close();
    }
    server.close();
    loop.close();
  }

  private ZooKeeperOptions options(String root) {
    return ZooKeeperOptions.of(server.connectString(), root);
  }

  private CompletableFuture<JoinResult> join(ZooKeeperOptions options, Duration timeout) {
    StoreConnector connector =
        session ->
            ZooKeeperStore.connect(options.withSessionTimeout(session), loop)
                .thenApply(Store.class::cast);
    membership =
        Membership.of(
            MemberSettings.of(1),
            MemberPorts.of(loop, Env.system(), connector, new MembershipListener() {}));
    return membership.join(timeout).orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }

  private ZooKeeperOptions as(String user) throws Exception {
    return options("/owned")
        .withUser(Files.writeString(Files.createTempFile(directory, "user", null), user));
  }

  @Test
  void whoIsNotTheOwnerIsRefusedAtOnce() throws Exception {
    assertThat(join(as("alice:secret"), LONG).join()).isInstanceOf(JoinResult.Joined.class);
    membership.leave().join();
    JoinResult refused = join(as("mallory:secret"), LONG).join();
    assertThat(refused).isInstanceOf(JoinResult.Fault.class);
    assertThat(refused.text()).contains("node 1 cannot join").contains("refuses znode /owned");
  }

  @Test
  void aRootThatIsNotOursIsRefusedAtOnce() {
    // what a store keeps below its root is no root itself
    assertThat(join(options("/ours"), LONG).join()).isInstanceOf(JoinResult.Joined.class);
    membership.leave().join();
    JoinResult refused = join(options("/ours/cluster"), LONG).join();
    assertThat(refused).isInstanceOf(JoinResult.Fault.class);
    assertThat(refused.text()).contains("znode /ours/cluster exists and is not ours");
  }

  @Test
  void serversThatAreAwayForAllOfTheTimeAreNamedWithTheirReason() {
    server.close();
    JoinResult late = join(options("/late").withConnectTimeout(TRY), Duration.ofSeconds(5)).join();
    assertThat(late).isInstanceOf(JoinResult.Transient.class);
    assertThat(late.text())
        .contains("node 1 has not joined in 5000 ms")
        .contains(server.connectString() + ": Connection refused");
  }

  @Test
  void serversThatComeInTimeLetTheNodeIn() throws Exception {
    ZooKeeperOptions options = options("/in-time").withConnectTimeout(TRY);
    int port = Integer.parseInt(server.connectString().replaceFirst(".*:", ""));
    server.close();
    CompletableFuture<JoinResult> join = join(options, LONG);
    await()
        .atMost(PATIENCE)
        .until(() -> membership.diagnostics().join().text().contains("Connection refused"));
    assertThat(join).isNotDone();
    server =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory.resolve("data")).withPort(port));
    assertThat(join.join()).isInstanceOf(JoinResult.Joined.class);
  }
}
