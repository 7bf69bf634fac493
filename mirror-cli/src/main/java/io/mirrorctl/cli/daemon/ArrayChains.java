package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.array.ArrayWait;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The chains of one array: see {@link WaitChains}. Used once. */
final class ArrayChains {
  private static final String TOKEN = "token";
  private static final String ACK = "ack";

  /** JSON from strangers is read no deeper than that. */
  private static final int DEEPEST = 4;

  private final WaitSources.OfArray array;
  private final WaitChains node;
  private final List<ArrayLocks.Entry> locks;

  ArrayChains(WaitSources.OfArray array, WaitChains node) {
    this.array = array;
    this.node = node;
    this.locks =
        array.shared().flatMap(WaitSources.Shared::locks).map(ArrayLocks::locks).orElse(List.of());
  }

  List<Waiter> all() {
    List<Waiter> all = new ArrayList<>();
    List<Waiter> reasons = reasons();
    if (array.clients().isPresent()) {
      UnderWay.Oldest oldest = array.clients().get();
      all.add(
          Waiter.of(
                  first(oldest.requests(), "request of a client", "requests of clients"),
                  "an answer")
              .atLeast(oldest.atLeastMillis())
              .because(reasons));
    } else {
      all.addAll(reasons);
    }
    commands(all);
    array
        .shared()
        .ifPresent(shared -> {
          shared.left().forEach(left -> all.add(takeover(left)));
          all.addAll(waits(lock -> true));
        });
    array.searched().forEach(disk -> all.add(searched(disk)));
    if (array.paused()) {
      all.add(
          Waiter.of("the copying between members", "somebody who lets it go on")
              .advising("it was paused; mirrorctl sync %s --resume".formatted(array.name())));
    }
    return all.stream().map(waiter -> waiter.in(array.name())).toList();
  }

  private Waiter searched(WaitSources.Searched disk) {
    return Waiter.of(
            "disk %s, which another node is adding".formatted(disk.name()),
            node.self() + " to find it here")
        .by(node.self())
        .since(disk.millis())
        .advising(
            "mirrorctl confirm %s DISK says where it is, by its device UUID %s, and mirrorctl confirm %s --missing that it is not here"
                .formatted(array.name(), disk.deviceUuid(), array.name()));
  }

  private static String first(long count, String one, String several) {
    return count == 1 ? "a " + one : "the first of %d %s".formatted(count, several);
  }

  private void commands(List<Waiter> all) {
    Optional<String> before = Optional.empty();
    for (WaitSources.Command command : node.commandsOf(array.name())) {
      if (isAtWork(command)) {
        continue;
      }
      List<Waiter> because =
          before.isPresent()
              ? List.of(
                  Waiter.of("this one", "the command before it: " + before.get())
                      .since(command.millis()))
              : reasonsOfChanges();
      all.add(node.command(command, because));
      before = Optional.of(command.text());
    }
  }

  /** A check or repair that has come to its turn takes its time and waits for nobody. */
  private boolean isAtWork(WaitSources.Command command) {
    return array.working().filter(action -> command.text().startsWith(action + " ")).isPresent();
  }

  private List<Waiter> reasonsOfChanges() {
    List<Waiter> reasons = new ArrayList<>(ownWaits());
    array.inside().stream()
        .filter(wait -> wait instanceof ArrayWait.Held held && held.inFlight() > 0)
        .forEach(wait -> reasons.add(inside(wait)));
    reasons.addAll(node.trouble());
    return reasons;
  }

  /** What is in the way of requests. */
  private List<Waiter> reasons() {
    List<Waiter> reasons = new ArrayList<>();
    if (array.shared().isPresent()) {
      reasons.addAll(node.trouble());
    }
    array.inside().stream()
        .map(this::inside)
        .filter(wait -> wait.hasLasted(WaitChains.SHORTEST_MILLIS))
        .forEach(reasons::add);
    silentDisks().stream().filter(wait -> !isIn(reasons, wait)).forEach(reasons::add);
    return reasons;
  }

  private static boolean isIn(List<Waiter> reasons, Waiter wait) {
    return reasons.stream().anyMatch(reason -> reason.equals(wait) || isIn(reason.because(), wait));
  }

  private Waiter inside(ArrayWait wait) {
    return switch (wait) {
      case ArrayWait.Held held -> held(held);
      case ArrayWait.Suspended(int slot, int requests, long millis) ->
          of(slot, first(requests, "write", "writes"), "%s to have copied where they go", millis);
      case ArrayWait.Unrecorded(var disks, long millis) ->
          Waiter.of(
                  "what is written now",
                  "the other disks to tell that %s failed".formatted(String.join(", ", disks)))
              .since(millis)
              .because(ownWaits());
      case ArrayWait.PagesUnderWay(int requests, long millis) ->
          Waiter.of(
                  first(requests, "write", "writes"), "pages of the bitmap to be on all its disks")
              .since(millis)
              .because(silentDisks());
    };
  }

  private Waiter of(int slot, String who, String what, long millis) {
    String holder = nodeOf(slot);
    return Waiter.of(who, what.formatted(holder))
        .by(holder)
        .since(millis)
        .because(node.peer(holder).stream().toList());
  }

  private String nodeOf(int slot) {
    return array
        .shared()
        .map(shared -> shared.nodes().get(slot))
        .orElse("the node of slot " + slot);
  }

  private Waiter held(ArrayWait.Held held) {
    Optional<ArrayLocks.Entry> holder =
        locks.stream()
            .filter(lock -> lock.resource().equals(TOKEN))
            .filter(lock -> lock.granted().equals(Optional.of("EX")))
            .findFirst();
    List<Waiter> because = new ArrayList<>();
    if (held.inFlight() > 0) {
      because.add(
          Waiter.of(
                  "the change",
                  "what is under way at the disks to return, in number " + held.inFlight())
              .since(held.millis())
              .because(silentDisks()));
    }
    holder.flatMap(ArrayLocks.Entry::node).ifPresent(name -> because.addAll(reasonsOf(name)));
    Waiter waiter =
        Waiter.of(
                held.requests() == 0 ? "member I/O" : first(held.requests(), "request", "requests"),
                "the end of a change of the members")
            .since(held.millis())
            .because(because);
    return holder.flatMap(ArrayLocks.Entry::node).map(waiter::by).orElse(waiter);
  }

  private List<Waiter> silentDisks() {
    return array.disks().stream()
        .filter(disk -> disk.requests().atLeastMillis() >= WaitChains.SHORTEST_MILLIS)
        .map(disk ->
            Waiter.of(
                    first(disk.requests().requests(), "request", "requests"),
                    "disk %s to answer".formatted(disk.name()))
                .by(disk.name())
                .atLeast(disk.requests().atLeastMillis())
                .advising(
                    "see whether the disk still works; without it the array goes on by mirrorctl fail %s %s"
                        .formatted(array.name(), disk.name())))
        .toList();
  }

  private Waiter takeover(WaitSources.Left left) {
    List<Waiter> because = new ArrayList<>();
    left.trouble()
        .ifPresent(trouble ->
            because.add(
                Waiter.of(node.self(), "another attempt to take it over: " + trouble)
                    .atLeast(left.atLeastMillis())));
    node.peer(left.node()).ifPresent(because::add);
    because.addAll(ownWaits());
    return Waiter.of(
            "slot %d of %s".formatted(left.slot(), left.node()),
            "a node to take over what is in it")
        .atLeast(left.atLeastMillis())
        .because(because);
  }

  // the locks

  private interface Filter {
    boolean takes(ArrayLocks.Entry lock);
  }

  private List<Waiter> ownWaits() {
    int own = array.shared().map(WaitSources.Shared::slot).orElse(-1);
    return waits(lock -> lock.slot() == own);
  }

  private List<Waiter> waits(Filter filter) {
    return locks.stream()
        .filter(ArrayChains::isWait)
        .filter(filter::takes)
        .map(lock -> wait(lock, new HashSet<>()))
        .toList();
  }

  /** A receiver rests in the queue of its own lock for answers: nobody waits there. */
  private static boolean isWait(ArrayLocks.Entry lock) {
    return lock.place().isPresent() && !lock.resource().equals(ackOf(lock.slot()));
  }

  private static String ackOf(int slot) {
    return String.format(Locale.ROOT, "%s%04d", ACK, slot);
  }

  private Waiter wait(ArrayLocks.Entry lock, Set<ArrayLocks.Entry> path) {
    path.add(lock);
    List<Waiter> because = new ArrayList<>();
    for (String holder : lock.behind()) {
      node.peer(holder).ifPresent(because::add);
      if (path.size() < DEEPEST) {
        because.addAll(reasonsOf(holder, path));
      }
    }
    path.remove(lock);
    Waiter waiter =
        Waiter.of(nameOf(lock), meaning(lock.resource()))
            .since(lock.waitMillis().orElse(0))
            .because(because);
    return lock.behind().isEmpty() ? waiter : waiter.by(String.join(", ", lock.behind()));
  }

  private List<Waiter> reasonsOf(String holder) {
    List<Waiter> because = new ArrayList<>(reasonsOf(holder, new HashSet<>()));
    node.peer(holder).ifPresent(because::add);
    return because;
  }

  /** What a node waits for itself. */
  private List<Waiter> reasonsOf(String holder, Set<ArrayLocks.Entry> path) {
    return locks.stream()
        .filter(lock -> isWait(lock) && !path.contains(lock))
        .filter(lock -> lock.node().equals(Optional.of(holder)))
        .map(lock -> wait(lock, path))
        .toList();
  }

  private String nameOf(ArrayLocks.Entry lock) {
    return lock.node().orElse("the dead node of slot " + lock.slot());
  }

  private String meaning(String resource) {
    if (resource.equals(TOKEN)) {
      return "its turn to change the array or to tell the others something";
    }
    if (resource.equals("resync")) {
      return "its turn to copy between members";
    }
    if (resource.equals("message")) {
      return "its message to be written";
    }
    return number(resource, ACK)
        .map(slot -> "the answer of %s to a message".formatted(nodeOf(slot)))
        .or(() -> number(resource, "bitmap").map("slot %d"::formatted))
        .or(() ->
            number(resource, "range")
                .map("range %d of the array, to read or write there"::formatted))
        .orElse("the lock " + resource);
  }

  private static Optional<Integer> number(String resource, String prefix) {
    String rest = resource.startsWith(prefix) ? resource.substring(prefix.length()) : "";
    return rest.matches("[0-9]{4,6}") ? Optional.of(Integer.parseInt(rest)) : Optional.empty();
  }
}
