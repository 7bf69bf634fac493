package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConnectingTest {
  private static final AtomicInteger ROOTS = new AtomicInteger();
  private static final Duration GIVE_UP = Duration.ofSeconds(2);
  private static final long PATIENCE_SECONDS = 60;
  private static EmbeddedZooKeeper server;

  @TempDir Path files;
  private final Sessions sessions = new Sessions();
  private final String root = "/connecting-" + ROOTS.incrementAndGet();

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    server = EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void close() {
    sessions.close();
  }

  private ZooKeeperOptions options() {
    return ZooKeeperOptions.of(server.connectString(), root);
  }

  private String refusal(Kind kind, ZooKeeperOptions options) {
    CompletableFuture<Throwable> failure =
        ZooKeeperStore.connect(options, sessions.loop("refused")).handle((_, e) -> e);
    Throwable cause = failure.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    assertThat(cause).isInstanceOf(StoreException.class);
    assertThat(((StoreException) cause).kind()).isEqualTo(kind);
    return cause.getMessage();
  }

  private void create(ZooKeeper foreign, String znode, String data) throws Exception {
    foreign.create(
        znode,
        data.getBytes(StandardCharsets.UTF_8),
        ZooDefs.Ids.OPEN_ACL_UNSAFE,
        CreateMode.PERSISTENT);
  }

  private ZooKeeper foreign() {
    return sessions.connect(ZooKeeperOptions.of(server.connectString(), "/foreign")).session();
  }

  private Path user(String line) throws Exception {
    return Files.writeString(Files.createTempFile(files, "user", null), line);
  }

  private static CommitResult commit(ZooKeeperStore store, Op... ops) {
    return store.commit(List.of(ops)).orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
  }

  private static Op.Create entry(String path) {
    return new Op.Create(path, Bytes.EMPTY, Op.Life.PERSISTENT);
  }

  @Test
  void serversThatCannotBeReachedAreNamedWithTheirReason() {
    assertThat(
            refusal(
                Kind.UNREACHABLE,
                ZooKeeperOptions.of("127.0.0.1:1,no-such-host.invalid:2181", root)
                    .withConnectTimeout(GIVE_UP)))
        .contains("cannot be reached after 2000 ms")
        .contains("127.0.0.1:1: Connection refused")
        .contains("no-such-host.invalid:2181: unknown host");
  }

  @Test
  void aServerThatTakesConnectionsAndSaysNothingIsNamed() throws Exception {
    try (var silent = new ServerSocket(0)) {
      String address = "127.0.0.1:" + silent.getLocalPort();
      assertThat(
              refusal(
                  Kind.UNREACHABLE, ZooKeeperOptions.of(address, root).withConnectTimeout(GIVE_UP)))
          .contains(address + ": no answer");
    }
  }

  @Test
  void theRootIsMadeWithWhatIsAboveIt() {
    ZooKeeperStore store =
        sessions.connect(ZooKeeperOptions.of(server.connectString(), root + "/deep/down"));
    assertThat(commit(store, entry("/n"))).isInstanceOf(CommitResult.Committed.class);
  }

  @Test
  void manyMayMakeTheRootAtOnce() {
    List<CompletableFuture<ZooKeeperStore>> stores = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      var deep = ZooKeeperOptions.of(server.connectString(), root + "/of/all");
      stores.add(ZooKeeperStore.connect(deep, sessions.loop("one of many")));
    }
    for (var store : stores) {
      sessions.also(store.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join());
    }
  }

  @Test
  void twoRootsOfOneEnsembleKnowNothingOfEachOther() {
    ZooKeeperStore one = sessions.connect(options());
    ZooKeeperStore two =
        sessions.connect(ZooKeeperOptions.of(server.connectString(), root + "-two"));
    commit(one, entry("/n"));
    assertThat(two.children("/").join()).isEmpty();
  }

  @Test
  void aRootThatIsNotOursIsLeftAlone() throws Exception {
    ZooKeeper foreign = foreign();
    create(foreign, root, "somebody's settings");
    assertThat(refusal(Kind.FOREIGN_ROOT, options()))
        .contains(root)
        .contains("not ours")
        .contains("somebody's settings");
    create(foreign, root + "-full", "");
    create(foreign, root + "-full/child", "");
    assertThat(
            refusal(Kind.FOREIGN_ROOT, ZooKeeperOptions.of(server.connectString(), root + "-full")))
        .contains("not ours");
    assertThat(foreign.getData(root + "-full", false, null)).isEmpty();
  }

  @Test
  void aRootOfAnotherFormatIsLeftAlone() throws Exception {
    create(foreign(), root, "mirrorctl store 2\n");
    assertThat(refusal(Kind.OTHER_FORMAT, options()))
        .contains("\"mirrorctl store 2\"")
        .contains("knows \"mirrorctl store 1\" only");
  }

  @Test
  void anEmptyZnodeThatWasPreparedBecomesTheRoot() throws Exception {
    create(foreign(), root, "");
    ZooKeeperStore store = sessions.connect(options());
    assertThat(commit(store, entry("/n"))).isInstanceOf(CommitResult.Committed.class);
    sessions.connect(options());
  }

  @Test
  void whatCannotBeMeantIsRefusedAtOnce() {
    for (String servers : List.of("", "host", "host:1/path", "host:1,", "a b:1")) {
      assertThatThrownBy(() -> ZooKeeperOptions.of(servers, root))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("host:port");
    }
    for (String path : List.of("/", "", "root", "/root/", "/zookeeper/mine", "/a//b")) {
      assertThatThrownBy(() -> ZooKeeperOptions.of("host:1", path))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThatThrownBy(() -> options().withSessionTimeout(Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("session timeout of 0 ms");
  }

  @Test
  void aUserOwnsAllZnodesAndNobodyElseGetsIn() throws Exception {
    Path alice = user("alice:one secret\n");
    ZooKeeperStore store = sessions.connect(options().withUser(alice));
    commit(store, entry("/n"), new Op.Create("/mine", Bytes.EMPTY, Op.Life.EPHEMERAL));
    for (String znode : List.of(root, root + "/n", root + "/mine")) {
      List<ACL> owners = store.session().getACL(znode, null);
      assertThat(owners)
          .singleElement()
          .matches(acl -> acl.getId().getScheme().equals("digest"))
          .matches(acl -> acl.getId().getId().startsWith("alice:"))
          .matches(acl -> acl.getPerms() == ZooDefs.Perms.ALL);
    }
    sessions.connect(options().withUser(alice));
    Path mallory = user("mallory:other");
    assertThat(refusal(Kind.USER_REFUSED, options().withUser(mallory)))
        .contains("refuses znode " + root)
        .contains(mallory.toString());
    assertThat(refusal(Kind.USER_REFUSED, options().withUser(user("alice:wrong"))))
        .contains("refuses znode");
    assertThat(refusal(Kind.USER_REFUSED, options()))
        .contains("refuses znode")
        .contains("without a user");
  }

  @Test
  void aUserComesBackAfterALostConnection() throws Exception {
    TcpProxy proxy = sessions.also(new TcpProxy(server.connectString()));
    ZooKeeperStore store =
        sessions.connect(
            ZooKeeperOptions.of(proxy.connectString(), root).withUser(user("alice:secret")));
    commit(store, entry("/n"));
    proxy.loseNextAnswer();
    assertThat(store.read("/n").orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join()).isPresent();
    assertThat(commit(store, new Op.Delete("/n", 0))).isInstanceOf(CommitResult.Committed.class);
  }

  @Test
  void aUserFileThatCannotBeUsedIsNamed() throws Exception {
    Path absent = files.resolve("absent");
    assertThat(refusal(Kind.FILE_UNUSABLE, options().withUser(absent))).contains(absent.toString());
    for (String line : List.of("", "alice", ":secret", "alice:", "alice:a\nbob:b")) {
      Path file = user(line);
      assertThat(refusal(Kind.FILE_UNUSABLE, options().withUser(file)))
          .contains(file.toString())
          .contains("name:password");
    }
  }

  @Test
  void aServerThatLetsOnlyUsersInSaysSo(@TempDir Path data) throws Exception {
    try (var strict =
        StandaloneServer.open(
            data, List.of("enforce.auth.enabled=true", "enforce.auth.schemes=digest"))) {
      var options =
          ZooKeeperOptions.of(strict.connectString(), root)
              .withConnectTimeout(Duration.ofSeconds(PATIENCE_SECONDS));
      sessions.connect(options.withUser(user("alice:secret"))).close();
      assertThat(refusal(Kind.USER_REFUSED, options))
          .contains("refuses the session to a client without a user");
    }
  }

  @Test
  void theSessionTimeoutIsWhatTheServersGrant() {
    ZooKeeperStore store = sessions.connect(options().withSessionTimeout(Duration.ofSeconds(1)));
    assertThat(store.sessionTimeout()).isEqualTo(Duration.ofSeconds(4));
  }

  @Test
  void aConnectionThatIsNoLongerWantedIsClosedAgain() {
    TcpProxy proxy = sessions.also(new TcpProxy(server.connectString()));
    CompletableFuture<ZooKeeperStore> unwanted =
        ZooKeeperStore.connect(
            ZooKeeperOptions.of(proxy.connectString(), root), sessions.loop("unwanted"));
    unwanted.cancel(false);
    await()
        .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
        .until(() -> proxy.connections() > 0 && !proxy.isUsed());
  }
}
