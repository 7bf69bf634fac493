package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.Membership.Vouch;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.simulation.Simulation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A few nodes of a cluster to which everything happens that can, by chance from one seed: pauses,
 * kills, cut connections, lost answers, stopped servers, ejections, joins and leaves. {@link
 * MemberChecks} looks on.
 */
final class MemberWorld {
  private static final int MOST_NODES = 4;
  private static final Duration TROUBLE = Duration.ofSeconds(60);
  private static final Duration PEACE = Duration.ofMinutes(5);

  private final Simulation simulation;
  private final SplittableRandom random;
  private final MemoryServers servers;
  private final MemberChecks checks;
  private final List<WorldMember> members = new ArrayList<>();
  private final int nodes;
  private final Duration ioMargin;
  private final boolean stubborn;
  private final int mostAmbushes;
  private int ambushes;
  private Stage seen = Stage.STABLE;
  private boolean healed;

  MemberWorld(long seed) {
    simulation = new Simulation(seed);
    random = simulation.random();
    servers = new MemoryServers(simulation);
    checks = new MemberChecks(simulation, servers, members);
    nodes = random.nextInt(2, MOST_NODES + 1);
    // a small one leaves nothing to hide behind
    ioMargin = Duration.ofMillis(random.nextBoolean() ? 1_000 : 1);
    stubborn = random.nextInt(3) == 0;
    mostAmbushes = random.nextInt(3) == 0 ? 6 : 0;
    servers.onCommit(_ -> ambush());
  }

  /** Runs it to its end, and throws what is wrong with it. */
  void run() {
    for (int number = 1; number <= nodes; number++) {
      int joining = number;
      simulation.after(below(Duration.ofSeconds(5)), () -> start(joining));
    }
    int troubles = random.nextInt(2, 12);
    for (int i = 0; i < troubles; i++) {
      simulation.after(Duration.ofSeconds(3).plus(below(TROUBLE)), this::trouble);
    }
    simulation.run(TROUBLE.plusSeconds(5));
    wake();
    if (stubborn) {
      simulation.run(Duration.ofSeconds(60));
      boolean goesOn = simulation.runUntil(checks::ioGoesOn, PEACE);
      checks.check(
          goesOn, "the survivors' I/O is held while a death is not sure: " + checks.view());
    }
    heal();
    // seconds later it must still be so
    for (int calm = 0; calm < 2; calm++) {
      simulation.runUntil(this::atRest, PEACE);
      simulation.run(Duration.ofSeconds(20));
    }
    checks.end(nodes);
  }

  /** What goes wrong in the midst of a regroup goes wrong more often than by chance alone. */
  private void ambush() {
    Stage stage = checks.view().stage();
    if (stage == seen) {
      return;
    }
    seen = stage;
    if (stage != Stage.STABLE && ambushes < mostAmbushes && random.nextInt(4) == 0) {
      ambushes++;
      simulation.after(below(Duration.ofMillis(100)), this::strike);
    }
  }

  private void strike() {
    WorldMember victim = any();
    switch (random.nextInt(4)) {
      case 0 -> victim.node().kill();
      case 1 -> victim.store().ifPresent(store -> servers.expire(store.sessionId()));
      case 2 -> any().ask(m -> m.eject(victim.number(), Vouch.NO, "struck"));
      default -> {
        victim.node().pause();
        victim.store().ifPresent(store -> servers.expire(store.sessionId()));
        simulation.after(below(Duration.ofSeconds(20)), victim.node()::resume);
      }
    }
  }

  private Duration below(Duration limit) {
    return Duration.ofNanos(random.nextLong(limit.toNanos()));
  }

  private void start(int number) {
    start(number, Duration.ofSeconds(random.nextInt(5, 90)));
  }

  private void start(int number, Duration timeout) {
    var member = new WorldMember(simulation, servers, checks, number, ioMargin, stubborn);
    members.add(member);
    if (healed) {
      member.wake();
      member.heal();
    }
    member.start(timeout);
  }

  private WorldMember any() {
    return members.get(random.nextInt(members.size()));
  }

  private void trouble() {
    if (members.isEmpty()) {
      return;
    }
    WorldMember victim = any();
    int other = random.nextInt(1, nodes + 1);
    switch (random.nextInt(16)) {
      case 0, 1, 2 -> {
        victim.node().pause();
        simulation.after(below(Duration.ofSeconds(20)), victim.node()::resume);
      }
      case 3 -> victim.node().kill();
      case 4, 5 -> {
        victim.node().cut();
        simulation.after(below(Duration.ofSeconds(15)), victim.node()::restore);
      }
      case 6 -> {
        victim.node().stall();
        simulation.after(below(Duration.ofSeconds(20)), victim.node()::unstall);
      }
      case 7 -> {
        servers.stop();
        simulation.after(below(Duration.ofSeconds(12)), servers::start);
      }
      case 8 ->
          victim
              .store()
              .ifPresent(store -> {
                MemoryStore.Fate[] fates = MemoryStore.Fate.values();
                store.loseAnswer(random.nextInt(1, 6), fates[random.nextInt(fates.length)]);
              });
      case 9 -> victim.store().ifPresent(store -> servers.expire(store.sessionId()));
      case 10 -> victim.ask(m -> m.eject(other, vouch(), "by chance"));
      case 11 -> victim.ask(Membership::leave);
      case 12 -> {
        victim.ask(Membership::shutdown);
        simulation.after(below(Duration.ofSeconds(5)), () -> victim.membership().close());
      }
      case 13 -> victim.ask(m -> m.forceRegroup("by chance"));
      case 14 -> victim.ask(m -> m.nodeUnreachable(other));
      default -> victim.node().jumpWallClock(below(Duration.ofSeconds(20)).minusSeconds(10));
    }
    if (random.nextInt(3) == 0) {
      simulation.after(below(Duration.ofSeconds(10)), () -> start(other));
    }
  }

  private Vouch vouch() {
    return random.nextInt(4) == 0 ? Vouch.FENCED : Vouch.NO;
  }

  /** What was stopped goes on. */
  private void wake() {
    servers.start();
    for (WorldMember member : List.copyOf(members)) {
      member.node().restore();
      member.node().unstall();
      member.node().resume();
      member.wake();
    }
  }

  /** Fence agents say yes, what is down comes back. */
  private void heal() {
    healed = true;
    members.forEach(WorldMember::heal);
    simulation.after(Duration.ofSeconds(15), this::bringBack);
  }

  private void bringBack() {
    for (int number = 1; number <= nodes; number++) {
      int missing = number;
      if (members.stream().noneMatch(m -> m.number() == missing && (m.isUp() || !m.atRest()))) {
        start(missing, Duration.ofSeconds(60));
      }
    }
    simulation.after(Duration.ofSeconds(15), this::bringBack);
  }

  private boolean atRest() {
    return members.stream().filter(WorldMember::isUp).count() == nodes
        && members.stream().allMatch(WorldMember::atRest)
        && checks.view().stable();
  }
}
