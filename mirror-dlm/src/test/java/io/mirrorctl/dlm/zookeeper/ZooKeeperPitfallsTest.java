package io.mirrorctl.dlm.zookeeper;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.architecture.Rule;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.SessionLostException;
import io.mirrorctl.dlm.store.WatchDepth;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.zookeeper.data.Stat;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What others have fallen into with ZooKeeper and Curator, as far as a store can show that it does
 * not; docs/protocols/zookeeper.md has the whole list and who closes the rest.
 */
class ZooKeeperPitfallsTest {
  private static final AtomicInteger ROOTS = new AtomicInteger();
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static EmbeddedZooKeeper server;

  private final Sessions sessions = new Sessions();
  private final String root = "/pitfalls/" + ROOTS.incrementAndGet();
  private final TcpProxy proxy = sessions.also(new TcpProxy(server.connectString()));
  private final ZooKeeperStore store = connect(proxy.connectString(), sessions.loop("store"));
  private final ZooKeeperStore other = connect(server.connectString(), sessions.loop("other"));
  private final List<SessionEvent> events = new CopyOnWriteArrayList<>();

  {
    store.onSession(events::add);
  }

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    server =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory).withTick(Duration.ofMillis(200)));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void close() {
    sessions.close();
  }

  private ZooKeeperStore connect(String servers, Loop loop) {
    return sessions.connect(
        ZooKeeperOptions.of(servers, root).withSessionTimeout(Duration.ofSeconds(4)), loop);
  }

  private static <T> T answer(CompletableFuture<T> future) {
    return future.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
  }

  private static Throwable failure(CompletableFuture<?> future) {
    CompletableFuture<Throwable> failure = future.handle((_, e) -> e);
    return answer(failure);
  }

  private static void done(ZooKeeperStore store, Op... ops) {
    assertThat(answer(store.commit(List.of(ops)))).isInstanceOf(CommitResult.Committed.class);
  }

  private static Op.Create create(String path, Op.Life life) {
    return new Op.Create(path, Bytes.EMPTY, life);
  }

  private void awaitEvent(SessionEvent event) {
    await().atMost(PATIENCE).until(() -> events.contains(event));
  }

  private void cutUntilSuspended() {
    proxy.cut();
    awaitEvent(SessionEvent.SUSPENDED);
  }

  @Test
  void z1NothingOfALostSessionIsSentOnAnotherOrTakenForAnothersOwn() {
    done(store, create("/mine", Op.Life.EPHEMERAL), create("/n", Op.Life.PERSISTENT));
    cutUntilSuspended();
    var waiting = store.read("/n");
    assertThat(failure(store.commit(List.of(new Op.Put("/n", Bytes.EMPTY, 0)))))
        .isInstanceOf(OutcomeUnknownException.class);
    Sessions.expire(store, server.connectString());
    proxy.restore();
    awaitEvent(SessionEvent.LOST);
    assertThat(failure(waiting)).isInstanceOf(SessionLostException.class);
    assertThat(failure(store.commit(List.of(new Op.Put("/n", Bytes.EMPTY, 0)))))
        .isInstanceOf(SessionLostException.class);
    ZooKeeperStore again = connect(proxy.connectString(), sessions.loop("again"));
    assertThat(again.sessionId()).isNotEqualTo(store.sessionId());
    done(again, new Op.Check("/n", 0));
    assertThat(answer(again.read("/mine"))).isEmpty();
    assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.LOST);
  }

  @Test
  void z1TheEntryOfAPreviousSessionThatHasNotGoneYetShowsThatSession() {
    done(store, create("/mine", Op.Life.EPHEMERAL));
    proxy.cut();
    ZooKeeperStore again = connect(server.connectString(), sessions.loop("again"));
    answer(again.commit(List.of(new Op.Check("/mine", 0))));
    assertThat(answer(again.read("/mine")).orElseThrow().session())
        .isEqualTo(store.sessionId())
        .isNotEqualTo(again.sessionId());
  }

  @Test
  void z3WhileSuspendedACommitFailsAtOnceAndIsNotSentLater() {
    done(store, create("/n", Op.Life.PERSISTENT));
    cutUntilSuspended();
    for (int i = 0; i < 10; i++) {
      assertThat(failure(store.commit(List.of(new Op.Put("/n", Bytes.EMPTY, 0)))))
          .isInstanceOf(OutcomeUnknownException.class);
    }
    proxy.restore();
    awaitEvent(SessionEvent.RECONNECTED);
    done(store, new Op.Check("/n", 0));
  }

  @Test
  void z5WhetherARemovalWhoseAnswerWasLostWasDoneCanBeReadAfterwards() {
    for (boolean done : List.of(true, false)) {
      events.clear();
      done(store, create("/held", Op.Life.EPHEMERAL));
      if (done) {
        proxy.loseNextAnswer();
      } else {
        proxy.loseNextRequest();
      }
      assertThat(failure(store.commit(List.of(new Op.Delete("/held", 0)))))
          .isInstanceOf(OutcomeUnknownException.class);
      awaitEvent(SessionEvent.RECONNECTED);
      assertThat(answer(store.read("/held")).isEmpty()).isEqualTo(done);
    }
    done(store, new Op.Delete("/held", 0));
  }

  @Test
  void z6ReconnectionsLeaveNoZnodesAndParentsDoNotVanish() throws Exception {
    int before = store.session().getAllChildrenNumber(root);
    for (int i = 0; i < 5; i++) {
      events.clear();
      cutUntilSuspended();
      proxy.restore();
      awaitEvent(SessionEvent.RECONNECTED);
    }
    assertThat(store.session().getAllChildrenNumber(root)).isEqualTo(before);
    // a container or an ephemeral znode has an owner
    for (String znode : List.of("/pitfalls", root)) {
      Stat stat = store.session().exists(znode, false);
      assertThat(stat.getEphemeralOwner()).as(znode).isZero();
    }
  }

  @Test
  void z7AClientKnowsTheEntryThatItCreatedWithoutHearingOfIt() {
    proxy.loseNextAnswer();
    assertThat(failure(store.commit(List.of(create("/mine", Op.Life.EPHEMERAL)))))
        .isInstanceOf(OutcomeUnknownException.class);
    awaitEvent(SessionEvent.RECONNECTED);
    assertThat(answer(store.read("/mine")).orElseThrow().session()).isEqualTo(store.sessionId());
  }

  @Test
  void z8AChangeWakesThoseAloneWhoWatchItsEntry() {
    List<ZooKeeperStore> waiters = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      ZooKeeperStore waiter = connect(server.connectString(), sessions.loop("waiter"));
      done(waiter, create("/n" + i, Op.Life.PERSISTENT));
      answer(waiter.watch("/n" + i, WatchDepth.ENTRY, _ -> {}));
      waiters.add(waiter);
    }
    done(store, new Op.Put("/n3", Bytes.EMPTY, 0));
    for (int i = 0; i < 5; i++) {
      answer(waiters.get(i).commit(List.of(new Op.Check("/n3", 0))));
      assertThat(waiters.get(i).counts().changes()).isEqualTo(i == 3 ? 1 : 0);
    }
  }

  @Test
  void z9WhatWasReadLateIsNoGroundForACommit() {
    done(store, create("/n", Op.Life.PERSISTENT));
    for (int i = 0; i < 50; i++) {
      int version = answer(store.read("/n")).orElseThrow().version();
      done(other, new Op.Put("/n", Bytes.EMPTY, version));
      assertThat(answer(store.commit(List.of(new Op.Check("/n", version)))))
          .isEqualTo(new CommitResult.Refused(0, CommitResult.Reason.OTHER_VERSION));
    }
  }

  @Test
  void z9AReconnectionIsToldOnTheAnswerOfACommitOfItsOwn() {
    done(store, create("/n", Op.Life.PERSISTENT));
    long before = order(other);
    assertThat(order(other)).isEqualTo(before + 1);
    cutUntilSuspended();
    proxy.restore();
    awaitEvent(SessionEvent.RECONNECTED);
    assertThat(order(other)).isEqualTo(before + 3);
  }

  private static long order(ZooKeeperStore store) {
    CommitResult result = answer(store.commit(List.of(new Op.Check("/n", 0))));
    return ((CommitResult.Committed) result).order();
  }

  @Test
  void z10ABlockedCallbackDoesNotEndTheSession() throws InterruptedException {
    done(store, create("/n", Op.Life.PERSISTENT), create("/mine", Op.Life.EPHEMERAL));
    var blocked = new CountDownLatch(1);
    var free = new CountDownLatch(1);
    answer(
        store.watch(
            "/n",
            WatchDepth.ENTRY,
            _ -> {
              blocked.countDown();
              awaitQuietly(free);
            }));
    done(other, new Op.Put("/n", Bytes.EMPTY, 0));
    assertThat(blocked.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
    var gone = new CopyOnWriteArrayList<Change>();
    answer(other.watch("/mine", WatchDepth.ENTRY, gone::add));
    boolean ended = free.await(store.sessionTimeout().toMillis() * 3 / 2, TimeUnit.MILLISECONDS);
    free.countDown();
    assertThat(ended).isFalse();
    done(store, new Op.Check("/mine", 0));
    assertThat(gone).isEmpty();
    assertThat(events).isEmpty();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void z11ABlipSuspendsAndResumesButEndsNothing() {
    done(store, create("/mine", Op.Life.EPHEMERAL));
    for (int i = 0; i < 3; i++) {
      events.clear();
      cutUntilSuspended();
      proxy.restore();
      awaitEvent(SessionEvent.RECONNECTED);
      assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.RECONNECTED);
    }
    assertThat(answer(other.read("/mine")).orElseThrow().session()).isEqualTo(store.sessionId());
  }

  @Test
  void z12NoRecipeOfCuratorIsUsed() {
    new Rule(
            "no recipes",
            noClasses().should().dependOnClassesThat().resideInAPackage("..curator..recipes.."))
        .check(Rule.moduleOf(ZooKeeperStore.class));
  }
}
