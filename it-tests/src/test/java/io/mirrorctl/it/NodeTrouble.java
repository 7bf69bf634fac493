package io.mirrorctl.it;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Does to nodes what happens to nodes: one blow after the other, by chance. */
final class NodeTrouble {
  private final SharedNodes nodes;
  private final Duration session;
  private final SplittableRandom random;
  private final Map<Blow, Integer> count = new LinkedHashMap<>();

  private enum Blow {
    KILL,
    KILL_TWO,
    KILL_ALL,
    SLEEP,
    SLEEP_AND_KILL,
    NAP,
    LEAVE
  }

  NodeTrouble(SharedNodes nodes, Duration session, SplittableRandom random) {
    this.nodes = nodes;
    this.session = session;
    this.random = random;
  }

  /** One blow; all nodes run again when this returns, but may not have found together yet. */
  void strike() throws InterruptedException {
    List<NodeProcess> victims = victims();
    Blow blow = blow();
    count.merge(blow, 1, Integer::sum);
    switch (blow) {
      case KILL -> kill(victims.subList(0, 1));
      case KILL_TWO -> kill(victims.subList(0, 2));
      case KILL_ALL -> kill(victims);
      case SLEEP -> {
        victims.getFirst().pause();
        sleepBeyondTheSession();
        victims.getFirst().resume();
      }
      case SLEEP_AND_KILL -> {
        victims.get(0).pause();
        Thread.sleep(random.nextLong(session.toMillis()));
        kill(victims.subList(1, 2));
        sleepBeyondTheSession();
        victims.get(0).resume();
      }
      case NAP -> {
        victims.getFirst().pause();
        Thread.sleep(random.nextLong(session.toMillis()));
        victims.getFirst().resume();
      }
      case LEAVE -> {
        int status = victims.getFirst().terminate();
        if (status != 0) {
          throw new AssertionError(
              "status %d of a node that was told to leave%n%s"
                  .formatted(status, victims.getFirst().log()));
        }
        victims.getFirst().restart();
      }
    }
  }

  private List<NodeProcess> victims() {
    var order = new ArrayList<>(IntStream.range(0, nodes.count()).mapToObj(nodes::node).toList());
    Map<NodeProcess, Integer> lots = new LinkedHashMap<>();
    order.forEach(node -> lots.put(node, random.nextInt()));
    order.sort(Comparator.comparing(lots::get));
    return order;
  }

  private Blow blow() {
    int choice = random.nextInt(20);
    if (choice < 7) {
      return Blow.KILL;
    }
    if (choice < 12) {
      return Blow.SLEEP;
    }
    return List.of(
            Blow.KILL_TWO,
            Blow.KILL_TWO,
            Blow.KILL_ALL,
            Blow.SLEEP_AND_KILL,
            Blow.SLEEP_AND_KILL,
            Blow.NAP,
            Blow.NAP,
            Blow.LEAVE)
        .get(choice - 12);
  }

  /** All at once or nearly so; they come back before or after their sessions are over. */
  private void kill(List<NodeProcess> victims) throws InterruptedException {
    for (NodeProcess victim : victims) {
      victim.kill();
      Thread.sleep(random.nextInt(3) == 0 ? random.nextInt(1000) : 0);
    }
    Thread.sleep(random.nextLong(session.toMillis() * 3 / 2));
    for (NodeProcess victim : victims) {
      victim.restart();
    }
  }

  private void sleepBeyondTheSession() throws InterruptedException {
    Thread.sleep(session.toMillis() * 3 / 2 + random.nextInt(3000));
  }

  @Override
  public String toString() {
    return count.toString();
  }
}
