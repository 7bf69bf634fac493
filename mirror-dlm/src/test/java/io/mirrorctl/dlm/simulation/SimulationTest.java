package io.mirrorctl.dlm.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class SimulationTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(9);

  private final long seed = new SplittableRandom().nextLong();
  private final Simulation simulation = new Simulation(seed);
  private final MemoryServers servers = new MemoryServers(simulation);
  private final SimulatedNode node = simulation.node("n");

  private static Op.Create create(String path, Op.Life life) {
    return new Op.Create(path, Bytes.EMPTY, life);
  }

  /** What three nodes go through that watch each other, are cut off and paused. */
  private static List<String> trace(long seed) {
    var simulation = new Simulation(seed);
    var servers = new MemoryServers(simulation);
    var trace = new ArrayList<String>();
    servers.onCommit(done -> trace.add(simulation + " " + done));
    for (String name : List.of("a", "b", "c")) {
      SimulatedNode node = simulation.node(name);
      MemoryStore store = servers.connect(node, TIMEOUT);
      store.onSession(event -> trace.add(simulation + " " + name + " " + event));
      var _ =
          store.watch(
              "/", WatchDepth.SUBTREE, change -> trace.add(simulation + " " + name + " " + change));
      for (int i = 0; i < 20; i++) {
        String path = "/" + name + i;
        long moment = simulation.random().nextLong(20_000);
        var _ =
            node.loop()
                .after(
                    Duration.ofMillis(moment),
                    () -> {
                      var _ = store.commit(List.of(create(path, Op.Life.EPHEMERAL)));
                    });
      }
      simulation.after(Duration.ofMillis(simulation.random().nextLong(20_000)), node::cut);
      simulation.after(Duration.ofMillis(simulation.random().nextLong(20_000)), node::restore);
      simulation.after(Duration.ofMillis(simulation.random().nextLong(20_000)), node::pause);
      simulation.after(Duration.ofMillis(simulation.random().nextLong(20_000)), node::resume);
    }
    simulation.runUntilIdle();
    return trace;
  }

  @Test
  void theSameSeedGivesTheSameRunAndAnotherSeedAnother() {
    assertThat(trace(seed)).isEqualTo(trace(seed)).isNotEqualTo(trace(seed + 1));
  }

  @Test
  void whatATaskThrowsEndsTheRunAndNamesSeedAndNode() {
    node.loop()
        .execute(() -> {
          throw new IllegalStateException("bug");
        });
    assertThatThrownBy(simulation::runUntilIdle)
        .isInstanceOf(Simulation.Broken.class)
        .hasMessageContaining("seed " + seed)
        .hasMessageContaining("node n")
        .hasRootCauseMessage("bug");
  }

  @Test
  void timersGoByTheNodesOwnClock() {
    node.drift(10_000);
    long before = node.env().ticker().read();
    var fired = new AtomicInteger();
    var _ = node.loop().after(Duration.ofSeconds(101), fired::incrementAndGet);
    simulation.run(Duration.ofMillis(99_999));
    assertThat(fired).hasValue(0);
    simulation.run(Duration.ofMillis(2));
    assertThat(fired).hasValue(1);
    assertThat(Duration.ofNanos(node.env().ticker().read() - before))
        .isBetween(Duration.ofSeconds(101), Duration.ofMillis(101_010));
  }

  @Test
  void theWallClockCanJumpWithoutTheTicker() {
    long ticks = node.env().ticker().read();
    var wall = node.env().wallClock().instant();
    node.jumpWallClock(Duration.ofHours(-1));
    assertThat(node.env().ticker().read()).isEqualTo(ticks);
    assertThat(node.env().wallClock().instant()).isEqualTo(wall.minus(Duration.ofHours(1)));
  }

  @Test
  void aPausedNodeRunsNothingUntilItGoesOn() {
    var ran = new AtomicInteger();
    var _ = node.loop().after(Duration.ofSeconds(1), ran::incrementAndGet);
    node.loop().execute(ran::incrementAndGet);
    node.pause();
    simulation.run(Duration.ofSeconds(5));
    assertThat(ran).hasValue(0);
    node.resume();
    simulation.run(Duration.ofMillis(1));
    assertThat(ran).hasValue(2);
  }

  @Test
  void aKilledNodeRunsNothingEver() {
    var ran = new AtomicInteger();
    node.loop().execute(ran::incrementAndGet);
    node.kill();
    node.resume();
    node.loop().execute(ran::incrementAndGet);
    simulation.runUntilIdle();
    assertThat(ran).hasValue(0);
  }

  @Test
  void aNodePausedBeyondItsTimeoutLosesItsSessionAndLearnsItWhenItGoesOn() {
    MemoryStore store = servers.connect(node, TIMEOUT);
    var events = new ArrayList<SessionEvent>();
    store.onSession(events::add);
    var _ = store.commit(List.of(create("/mine", Op.Life.EPHEMERAL)));
    simulation.run(Duration.ofSeconds(1));
    node.pause();
    simulation.run(Duration.ofSeconds(10));
    assertThat(servers.peek("/mine")).isEmpty();
    assertThat(events).isEmpty();
    node.resume();
    simulation.run(Duration.ofSeconds(2));
    assertThat(events).doesNotContain(SessionEvent.RECONNECTED).endsWith(SessionEvent.LOST);
  }

  @Test
  void theSessionOfAStalledNodeLivesOn() {
    MemoryStore store = servers.connect(node, TIMEOUT);
    var answered = new ArrayList<CommitResult>();
    node.stall();
    var _ = store.commit(List.of(create("/mine", Op.Life.EPHEMERAL))).thenAccept(answered::add);
    simulation.run(Duration.ofMinutes(1));
    assertThat(servers.peek("/mine")).isPresent();
    assertThat(answered).isEmpty();
    node.unstall();
    simulation.run(Duration.ofSeconds(1));
    assertThat(answered).hasSize(1);
  }

  @Test
  void theEphemeralEntriesOfAKilledNodeGoWhenItsTimeIsOver() {
    servers.patient();
    MemoryStore store = servers.connect(node, TIMEOUT);
    var _ = store.commit(List.of(create("/mine", Op.Life.EPHEMERAL)));
    simulation.run(Duration.ofSeconds(1));
    node.kill();
    simulation.run(TIMEOUT.minusMillis(1));
    assertThat(servers.peek("/mine")).isPresent();
    simulation.run(TIMEOUT.dividedBy(10).plusMillis(1));
    assertThat(servers.peek("/mine")).isEmpty();
  }

  @Test
  void noSessionEndsWhileTheServersAreAwayUnlessItsOwnerGivesUp() {
    MemoryStore store = servers.connect(node, TIMEOUT);
    var events = new ArrayList<SessionEvent>();
    store.onSession(events::add);
    simulation.run(Duration.ofSeconds(1));
    servers.stop();
    simulation.run(Duration.ofSeconds(8));
    assertThat(servers.isAlive(store.sessionId())).isTrue();
    servers.start();
    simulation.run(Duration.ofSeconds(2));
    assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.RECONNECTED);
  }

  @Test
  void aCommitMayBeDoneAfterItsOwnerSawTheConnectionLost() {
    servers.patient();
    MemoryStore store = servers.connect(node, TIMEOUT);
    boolean late = false;
    for (int i = 0; i < 20; i++) {
      String path = "/n" + i;
      store.loseAnswer(1, MemoryStore.Fate.DONE_LATE);
      CompletableFuture<Throwable> failure =
          store.commit(List.of(create(path, Op.Life.PERSISTENT))).handle((_, e) -> e);
      assertThat(simulation.runUntil(failure::isDone, TIMEOUT)).isTrue();
      assertThat(failure.join()).isInstanceOf(OutcomeUnknownException.class);
      late |= servers.peek(path).isEmpty();
      var read = store.read(path);
      assertThat(simulation.runUntil(read::isDone, TIMEOUT)).isTrue();
      assertThat(read.join()).isPresent();
    }
    assertThat(late).as("one was not yet done when its answer was given up").isTrue();
  }
}
