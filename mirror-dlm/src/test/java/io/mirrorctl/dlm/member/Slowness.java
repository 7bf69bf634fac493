package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.simulation.Simulation;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Who did not keep up, by the true time and every commit, which no node knows. */
final class Slowness {
  /** Clocks of different nodes run alike to so much, the way of a change included. */
  private static final double NEARLY = 0.97;

  /** Between the judgement and the ejection lie a pause at most, and two requests. */
  private static final Duration LATELY = Duration.ofSeconds(60);

  private static final MemberSettings SETTINGS = MemberSettings.of(1);

  private final Simulation simulation;
  private final Map<Incarnation, Duration> renewed = new HashMap<>();
  private final Map<Incarnation, Duration> silentAt = new HashMap<>();
  private final Map<Incarnation, Duration> owing = new HashMap<>();
  private final Map<Incarnation, Duration> lateAt = new HashMap<>();

  Slowness(Simulation simulation) {
    this.simulation = simulation;
  }

  void renewed(Incarnation id) {
    seeWhetherSilent(id);
    renewed.put(id, simulation.time());
  }

  private void seeWhetherSilent(Incarnation id) {
    note(renewed, silentAt, id, SETTINGS.heartbeat().sessionTimeout());
  }

  private void seeWhetherLate(Incarnation id) {
    note(owing, lateAt, id, SETTINGS.stageLimit());
  }

  private void note(
      Map<Incarnation, Duration> since,
      Map<Incarnation, Duration> at,
      Incarnation id,
      Duration limit) {
    Duration now = simulation.time();
    if (since.containsKey(id) && now.minus(since.get(id)).toNanos() >= NEARLY * limit.toNanos()) {
      at.put(id, now);
    }
  }

  /** A member that has passed what it had not before has got on. */
  void changed(View before, View next) {
    for (Member member : next.members()) {
      Incarnation id = member.id();
      boolean owes = !next.stable() && member.takesPart() && !member.hasPassed(next.stage());
      boolean gotOn =
          !before.member(id).map(Member::passed).equals(Optional.of(member.passed()))
              && member.passed().isPresent();
      if (!owes || gotOn) {
        seeWhetherLate(id);
        owing.remove(id);
      }
      if (owes) {
        owing.putIfAbsent(id, simulation.time());
      }
    }
  }

  /** Whether what a node says of another that it ejects unasked is so. */
  boolean justifies(String why, Incarnation victim) {
    if (why.startsWith("no renewal")) {
      seeWhetherSilent(victim);
      return isLately(silentAt, victim);
    }
    if (why.startsWith("it has not passed")) {
      seeWhetherLate(victim);
      return isLately(lateAt, victim);
    }
    return true;
  }

  private boolean isLately(Map<Incarnation, Duration> at, Incarnation id) {
    return at.containsKey(id) && simulation.time().minus(at.get(id)).compareTo(LATELY) < 0;
  }
}
