package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.Delivery;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out whether a member that fails here has failed for all, or only this node has lost its
 * path to it; then this node gives up the array, and the others go on with the member (schedule
 * R11). The last node of an array asks nobody and so never leaves.
 *
 * <p>Threading: any thread but the loop's; methods block, but not for much longer than the limit.
 */
final class Paths {
  /** What who reaches a member refuses its failing with. */
  static final String REACHED = "reached";

  private static final Logger LOG = LoggerFactory.getLogger(Paths.class);

  /** Hears that the array is to be given up; by who has the token, or has its I/O held. */
  interface Listener {
    void lost(Loss loss);
  }

  /**
   * A member that another node reaches.
   *
   * @param number of the member; empty if it is not a single one
   * @param reachedBy slot of the node that does; empty if nobody was asked
   */
  record Loss(Optional<Integer> number, Optional<Integer> reachedBy, String cause) {}

  private final PathPolicy policy;
  private final Probes probes;

  /** Members that this node has just not reached, and why; as long as a change waits for them. */
  private final ConcurrentMap<Integer, String> unreached = new ConcurrentHashMap<>();

  private final Object lock = new Object();
  private Optional<Listener> listener = Optional.empty();
  private Optional<Loss> loss = Optional.empty();

  Paths(PathPolicy policy, Env env) {
    this.policy = policy;
    this.probes = new Probes(policy.limit(), env);
  }

  /** Whether anything is looked at. */
  boolean areChecked() {
    return policy.leaves();
  }

  /** Hears of the loss, also if it came before. */
  void listen(Listener next) {
    Optional<Loss> before;
    synchronized (lock) {
      listener = Optional.of(next);
      before = loss;
    }
    before.ifPresent(next::lost);
  }

  /** Looks for itself which of these members this node reaches, before it has the token. */
  void look(Optional<ArrayControl> array, Set<Integer> suspects) throws IOException {
    if (array.isEmpty() || suspects.isEmpty()) {
      return;
    }
    reach(array.get(), suspects)
        .forEach((number, reach) -> cause(reach, true).ifPresent(c -> unreached.put(number, c)));
  }

  /** What {@link #look} has found and no change has come of yet. */
  Set<Integer> unreached() {
    return Set.copyOf(unreached.keySet());
  }

  /** Whether this node gives up the array, or has. */
  boolean isLost() {
    synchronized (lock) {
      return loss.isPresent();
    }
  }

  /** Nothing is changed any more by who has given the array up. */
  void checkNotLost() throws IOException {
    if (isLost()) {
      throw new IOException("this node has given the array up");
    }
  }

  /** What {@link #look} has found means nothing any more. */
  void forget(Set<Integer> suspects) {
    unreached.keySet().removeAll(suspects);
  }

  /** For another node. */
  boolean isReached(ArrayControl array, int number) {
    if (unreached.containsKey(number)) {
      return false;
    }
    try {
      return Await.done(probes.reach(array, number), "reaching member " + number)
          instanceof Reach.Reached;
    } catch (IOException e) {
      throw new IllegalStateException(e); // a probe has an answer, whatever happens
    }
  }

  /**
   * Asks the others about the suspects that this node does not reach, and about members that it
   * finds unreachable by the way.
   *
   * @throws IOException if one of them reaches such a member: the array is given up here
   */
  void check(Token.Held held, Optional<ArrayControl> array, Set<Integer> suspects)
      throws IOException {
    if (!policy.leaves() || held.others().isEmpty()) {
      return;
    }
    if (array.isEmpty()) {
      if (!suspects.isEmpty()) {
        throw new IOException("a member failed while the array was being taken into use");
      }
      return;
    }
    var unknown = new TreeSet<>(suspects);
    unknown.addAll(array.get().receiving());
    unknown.removeAll(unreached.keySet());
    var lost = new TreeMap<Integer, String>();
    reach(array.get(), unknown)
        .forEach((number, reach) ->
            cause(reach, suspects.contains(number)).ifPresent(c -> lost.put(number, c)));
    for (int number : suspects) {
      String before = unreached.get(number);
      if (before != null) {
        lost.put(number, before);
      }
    }
    for (Map.Entry<Integer, String> member : lost.entrySet()) {
      int number = member.getKey();
      ask(held, array.get(), number, member.getValue(), suspects.contains(number));
    }
  }

  private void ask(Token.Held held, ArrayControl array, int number, String cause, boolean suspect)
      throws IOException {
    LOG.warn("member {} is not reached from here, the other nodes are asked: {}", number, cause);
    Optional<Delivery.Refused> refused = held.propose(new ClusterMessage.Probe(number));
    if (refused.isPresent() && refused.get().reason().equals(REACHED)) {
      if (!suspect && reach(array, Set.of(number)).get(number) instanceof Reach.Reached) {
        LOG.info("member {} is reached again: it was away for everybody", number);
        return;
      }
      lose(new Loss(Optional.of(number), Optional.of(refused.get().slot()), cause));
      throw new IOException(
          "member %d is reached by another node and not by this one: %s".formatted(number, cause));
    }
  }

  /** This node gives up the array. */
  void lose(Loss found) {
    Optional<Listener> told;
    synchronized (lock) {
      if (loss.isPresent()) {
        return;
      }
      loss = Optional.of(found);
      told = listener;
    }
    told.ifPresent(hears -> hears.lost(found));
  }

  /**
   * Time may run out for a disk that is only slow: that counts if something else spoke against it.
   */
  private static Optional<String> cause(Reach reach, boolean suspect) {
    return switch (reach) {
      case Reach.Reached _ -> Optional.empty();
      case Reach.Failed(var cause) -> Optional.of(cause);
      case Reach.Silent _ -> suspect ? Optional.of("it does not answer") : Optional.empty();
    };
  }

  private Map<Integer, Reach> reach(ArrayControl array, Set<Integer> numbers) throws IOException {
    var asked = new TreeMap<Integer, CompletableFuture<Reach>>();
    for (int number : numbers) {
      asked.put(number, probes.reach(array, number));
    }
    var found = new TreeMap<Integer, Reach>();
    for (Map.Entry<Integer, CompletableFuture<Reach>> one : asked.entrySet()) {
      found.put(one.getKey(), Await.done(one.getValue(), "reaching member " + one.getKey()));
    }
    return found;
  }
}
