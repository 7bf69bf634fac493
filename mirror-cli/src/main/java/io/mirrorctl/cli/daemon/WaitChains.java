package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterLook;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Puts what a node sees together to chains: who waits, for what, and what keeps that from
 * happening. What was told as a reason is not told once more for itself.
 *
 * <p>Threading: one thread, once.
 */
final class WaitChains {
  /** Shorter waits are what happens all the time. */
  static final long SHORTEST_MILLIS = 1000;

  private final WaitSources seen;

  private WaitChains(WaitSources seen) {
    this.seen = seen;
  }

  /** All who wait; empty if nobody has for a second. */
  static List<Waiter> of(WaitSources seen) {
    return new WaitChains(seen).all();
  }

  private List<Waiter> all() {
    List<Waiter> all = new ArrayList<>();
    seen.arrays().forEach(array -> all.addAll(new ArrayChains(array, this).all()));
    seen.away().forEach(away -> all.add(away(away)));
    seen.commands().stream()
        .filter(command -> isOfNode(command))
        .map(command -> command(command, trouble()))
        .forEach(all::add);
    all.addAll(trouble());
    return firstTold(all.stream().filter(waiter -> waiter.hasLasted(SHORTEST_MILLIS)).toList());
  }

  /** Without those that are a reason of one before them. */
  private static List<Waiter> firstTold(List<Waiter> all) {
    List<Waiter> kept = new ArrayList<>();
    for (Waiter waiter : all) {
      boolean told =
          kept.stream()
              .filter(before -> waiter.array().isEmpty() || waiter.array().equals(before.array()))
              .anyMatch(before -> isReason(waiter, before));
      if (!told) {
        kept.add(waiter);
      }
    }
    return kept;
  }

  private static boolean isReason(Waiter waiter, Waiter of) {
    return of.because().stream()
        .anyMatch(reason ->
            (reason.who().equals(waiter.who()) && reason.what().equals(waiter.what()))
                || isReason(waiter, reason));
  }

  private boolean isOfNode(WaitSources.Command command) {
    return command.array().isEmpty()
        || seen.arrays().stream().noneMatch(a -> command.array().get().equals(a.name()));
  }

  String self() {
    return seen.self();
  }

  List<WaitSources.Command> commandsOf(String array) {
    return seen.commands().stream()
        .filter(command -> command.array().equals(Optional.of(array)))
        .toList();
  }

  Waiter command(WaitSources.Command command, List<Waiter> because) {
    Waiter waiter =
        Waiter.of("the command " + command.text(), self() + " to carry it out")
            .since(command.millis())
            .because(because);
    return command.array().map(waiter::in).orElse(waiter);
  }

  private Waiter away(WaitSources.Away away) {
    Waiter waiter =
        Waiter.of("clients of " + away.array(), "it to be in use here: " + away.reason())
            .in(away.array());
    Waiter timed = away.millis().isPresent() ? waiter.since(away.millis().getAsLong()) : waiter;
    return switch (away.cause()) {
      case HALTED -> timed.because(trouble());
      case PATH_LOST ->
          timed.advising(
              "its disks are tried again and again; mirrorctl assemble does so at once, and other nodes may have it in use");
      case NEVER_IN_USE ->
          timed.advising("it is tried again and again; mirrorctl assemble --scan does so at once");
    };
  }

  /** What is wrong with this node's place in the cluster, or with other nodes. */
  List<Waiter> trouble() {
    List<Waiter> found = new ArrayList<>();
    seen.silence()
        .ifPresent(why ->
            found.add(
                Waiter.of(self(), "its own part in the cluster to answer: " + why)
                    .advising("its log may say more; if it stays so, start the node again")));
    seen.cluster()
        .ifPresent(cluster -> {
          cluster.out().map(out -> out(cluster, out)).ifPresent(found::add);
          hold(cluster).ifPresent(found::add);
          if (cluster.hold().isEmpty()) {
            silentServers(cluster).ifPresent(found::add);
            found.addAll(dying(cluster));
          }
        });
    return found;
  }

  private Waiter out(ClusterLook cluster, ClusterLook.Out out) {
    Waiter waiter =
        Waiter.of(
                self(), "its return into cluster %s: %s".formatted(cluster.cluster(), out.reason()))
            .since(out.millis());
    return waiter.advising(
        out.returns()
            ? "it tries again and again; its log says what is in the way"
            : "start the node again to have it back");
  }

  /** I/O that is held on this node, with the reason. */
  Optional<Waiter> hold(ClusterLook cluster) {
    return cluster
        .hold()
        .map(hold -> {
          Waiter waiter =
              Waiter.of("the I/O of " + self(), what(cluster, hold)).since(hold.millis());
          return switch (hold.cause()) {
            case LEASE ->
                waiter.advising(
                    "see whether ZooKeeper is up and this host reaches it; if the session ends meanwhile the node halts, and comes back by itself");
            case REGROUP ->
                waiter
                    .because(dying(cluster))
                    .advising("nodes that do not keep up are put out by the others");
            case JOINING, LEAVING -> waiter;
          };
        });
  }

  private static String what(ClusterLook cluster, ClusterLook.Hold hold) {
    return switch (hold.cause()) {
      case LEASE -> "ZooKeeper at %s to renew its lease".formatted(cluster.zookeeper());
      case REGROUP -> "the nodes to agree on who is there";
      case JOINING -> "the node to be let into the cluster";
      case LEAVING -> "the node to have left the cluster";
    };
  }

  private Optional<Waiter> silentServers(ClusterLook cluster) {
    return cluster
        .lease()
        .filter(ClusterLook.LeaseLook::zookeeperSilent)
        .map(lease ->
            Waiter.of(self(), "ZooKeeper at %s to answer".formatted(cluster.zookeeper()))
                .atLeast(lease.sinceRenewalMillis())
                .advising(
                    "see whether it is up and this host reaches it; I/O of shared arrays goes on for %d ms more"
                        .formatted(lease.leftMillis())));
  }

  /** Nodes whose death is not sure yet. */
  private static List<Waiter> dying(ClusterLook cluster) {
    return cluster.peers().stream().flatMap(peer -> dying(peer).stream()).toList();
  }

  private static Optional<Waiter> dying(ClusterLook.Peer peer) {
    return peer.waiting()
        .map(why ->
            Waiter.of(
                    "the takeover of what %s did".formatted(peer.name()),
                    "it to be surely dead: " + why)
                .by(peer.name())
                .atLeast(peer.silentMillis())
                .advising(
                    "if you know that %s writes no more, mirrorctl eject %s --fenced says so in place of the fence command"
                        .formatted(peer.name(), peer.name())));
  }

  /** What is wrong with another node, if that is known. */
  Optional<Waiter> peer(String name) {
    return seen.cluster().stream()
        .flatMap(cluster -> cluster.peers().stream())
        .filter(peer -> peer.name().equals(name))
        .flatMap(peer -> dying(peer).or(() -> silent(peer)).stream())
        .findFirst();
  }

  private static Optional<Waiter> silent(ClusterLook.Peer peer) {
    return peer.isSilent()
        ? Optional.of(
            Waiter.of("the cluster", "a sign of life of " + peer.name())
                .by(peer.name())
                .since(peer.silentMillis())
                .advising(
                    "look after it and its host; it is taken for dead when its session ends, or at once by mirrorctl eject "
                        + peer.name()))
        : Optional.empty();
  }
}
