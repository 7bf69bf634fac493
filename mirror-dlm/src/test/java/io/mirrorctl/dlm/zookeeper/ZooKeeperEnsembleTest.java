package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import io.mirrorctl.dlm.store.WatchDepth;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The store where only several servers can show it. */
class ZooKeeperEnsembleTest {
  private static final AtomicInteger ROOTS = new AtomicInteger();
  private static final Duration SESSION = Duration.ofSeconds(10);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static ZooKeeperEnsemble ensemble;

  private final Sessions sessions = new Sessions();
  private final String root = "/ensemble-" + ROOTS.incrementAndGet();

  @BeforeAll
  static void start(@TempDir Path directory) {
    ensemble = ZooKeeperEnsemble.start(directory);
  }

  @AfterAll
  static void stop() {
    ensemble.close();
  }

  @BeforeEach
  void allServe() {
    ensemble.awaitAll();
  }

  @AfterEach
  void close() {
    sessions.close();
  }

  private ZooKeeperStore connect(String servers) {
    return sessions.connect(
        ZooKeeperOptions.of(servers, root)
            .withSessionTimeout(SESSION)
            .withConnectTimeout(PATIENCE));
  }

  private static <T> T answer(CompletableFuture<T> future) {
    return future.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
  }

  private static Throwable failure(CompletableFuture<?> future) {
    CompletableFuture<Throwable> failure = future.handle((_, e) -> e);
    return answer(failure);
  }

  private static Op.Create create(String path) {
    return new Op.Create(path, Bytes.EMPTY, Op.Life.PERSISTENT);
  }

  private static void done(ZooKeeperStore store, Op... ops) {
    assertThat(answer(store.commit(List.of(ops)))).isInstanceOf(CommitResult.Committed.class);
  }

  private static List<SessionEvent> events(ZooKeeperStore store) {
    var events = new CopyOnWriteArrayList<SessionEvent>();
    store.onSession(events::add);
    return events;
  }

  @Test
  void changesAndAnswersKeepTheirOrderThroughDifferentServers() {
    ZooKeeperStore writer = connect(ensemble.connectString(ensemble.leader()));
    ZooKeeperStore reader = connect(ensemble.connectString(ensemble.follower()));
    done(writer, create("/n"));
    var told = new CopyOnWriteArrayList<Change>();
    answer(reader.commit(List.of(new Op.Check("/n", 0))));
    answer(reader.watch("/n", WatchDepth.ENTRY, told::add));
    var late = new CopyOnWriteArrayList<String>();
    var reads = new CopyOnWriteArrayList<CompletableFuture<?>>();
    for (int i = 0; i < 100; i++) {
      var _ = writer.commit(List.of(new Op.Put("/n", Bytes.EMPTY, i)));
      reads.add(
          reader
              .read("/n")
              .thenAccept(entry -> {
                int version = entry.orElseThrow().version();
                if (version > told.size()) {
                  late.add("version %d after %d changes".formatted(version, told.size()));
                }
              }));
    }
    reads.forEach(ZooKeeperEnsembleTest::answer);
    assertThat(late).isEmpty();
  }

  @Test
  void aSessionLivesThroughTheDeathOfTheLeader() {
    ZooKeeperStore store = connect(ensemble.connectString());
    List<SessionEvent> events = events(store);
    done(store, new Op.Create("/mine", Bytes.EMPTY, Op.Life.EPHEMERAL), create("/n"));
    int leader = ensemble.leader();
    ensemble.kill(leader);
    try {
      var version = new AtomicInteger();
      await()
          .atMost(PATIENCE)
          .until(() -> {
            var entry = answer(store.read("/n")).orElseThrow();
            version.set(entry.version());
            CommitResult result =
                store
                    .commit(List.of(new Op.Put("/n", Bytes.EMPTY, version.get())))
                    .exceptionally(_ -> null)
                    .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            return result instanceof CommitResult.Committed && ensemble.leader() != leader;
          });
      assertThat(events).doesNotContain(SessionEvent.LOST);
      assertThat(answer(store.read("/mine")).orElseThrow().session()).isEqualTo(store.sessionId());
    } finally {
      ensemble.start(leader);
    }
  }

  @Test
  void aCommitStuckInAStoppedServerDoesNotComeAfterTheReconnection() {
    int follower = ensemble.follower();
    int other = 3 - follower - ensemble.leader();
    ZooKeeperStore watcher = connect(ensemble.connectString(ensemble.leader()));
    TcpProxy proxy = sessions.also(new TcpProxy(ensemble.connectString(follower)));
    ZooKeeperStore store = connect(proxy.connectString() + "," + ensemble.connectString(other));
    while (!proxy.isUsed()) {
      store.close();
      store = connect(proxy.connectString() + "," + ensemble.connectString(other));
    }
    done(watcher, create("/n"));
    List<SessionEvent> events = events(store);
    ensemble.pause(follower);
    try {
      CompletableFuture<CommitResult> stuck =
          store.commit(List.of(new Op.Put("/n", Bytes.EMPTY, 0)));
      proxy.cut();
      assertThat(failure(stuck)).isInstanceOf(OutcomeUnknownException.class);
      await().atMost(PATIENCE).until(() -> events.contains(SessionEvent.RECONNECTED));
      assertThat(answer(store.read("/n")).orElseThrow().version()).isZero();
    } finally {
      ensemble.resume(follower);
    }
    ensemble.awaitServing(follower);
    done(watcher, new Op.Check("/n", 0));
    ZooKeeperStore late = connect(ensemble.connectString(follower));
    done(late, new Op.Check("/n", 0));
  }

  @Test
  void withoutAQuorumThereIsNoSessionAndTheMessageSaysSo() {
    int first = ensemble.leader();
    int second = ensemble.follower();
    int alone = 3 - first - second;
    ensemble.kill(first);
    ensemble.kill(second);
    try {
      var options =
          ZooKeeperOptions.of(ensemble.connectString(), root)
              .withConnectTimeout(Duration.ofSeconds(6));
      Throwable failure = failure(ZooKeeperStore.connect(options, sessions.loop("no quorum")));
      assertThat(((StoreException) failure).kind()).isEqualTo(Kind.NO_QUORUM);
      assertThat(failure)
          .hasMessageContaining("has no quorum")
          .hasMessageContaining("1 of 3 servers are up")
          .hasMessageContaining(ensemble.connectString(alone) + ": up, but serves nobody")
          .hasMessageContaining(ensemble.connectString(first) + ": Connection refused");
    } finally {
      ensemble.start(first);
      ensemble.start(second);
    }
  }

  @Test
  void serversAreChildrenThatCanBeStoppedAndGoOn() {
    int follower = ensemble.follower();
    ZooKeeperStore store = connect(ensemble.connectString(follower));
    List<SessionEvent> events = events(store);
    ensemble.pause(follower);
    await().atMost(PATIENCE).until(() -> events.contains(SessionEvent.SUSPENDED));
    ensemble.resume(follower);
    await().atMost(PATIENCE).until(() -> events.size() > 1);
    assertThat(events).startsWith(SessionEvent.SUSPENDED);
  }
}
