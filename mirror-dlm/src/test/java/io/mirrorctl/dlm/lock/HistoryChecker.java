package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.History.Event;
import io.mirrorctl.dlm.lock.History.What;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Finds in a history what a lock manager must not do. Knows nothing of records, views or stores.
 *
 * <p>What a node may rely on is a set of modes: what it was granted and, while a request is under
 * way, what it asked for, as either may be in force already. Two nodes conflict if no mode of the
 * one goes with any mode of the other (invariant I8). A value has to be the one written with the
 * highest version up to that of the grant, or one whose writer was never told (I7). Every request
 * has to have an outcome by the end, unless its node is over (I9). Callbacks of one generation have
 * to be the same on every node that has heard them all.
 */
final class HistoryChecker {
  /** Mode, then all that go with it. */
  private static final Map<String, Set<String>> COMPATIBLE =
      Map.of(
          "NL", Set.of("NL", "CR", "CW", "PR", "PW", "EX"),
          "CR", Set.of("NL", "CR", "CW", "PR", "PW"),
          "CW", Set.of("NL", "CR", "CW"),
          "PR", Set.of("NL", "CR", "PR"),
          "PW", Set.of("NL", "CR"),
          "EX", Set.of("NL"));

  private record Key(String resource, String node) {}

  private record Write(long value, long generation, String node) {}

  private record Read(Event event, What.Granted grant) {}

  private final List<String> complaints = new ArrayList<>();
  private final Map<Key, Set<LockMode>> held = new HashMap<>();
  private final Map<Key, Set<LockMode>> asked = new HashMap<>();
  private final Map<Key, Long> writing = new HashMap<>();
  private final Map<String, Set<Long>> untold = new HashMap<>();
  private final Map<String, NavigableMap<Long, Write>> writes = new HashMap<>();
  private final Map<String, List<Read>> reads = new HashMap<>();
  private final Map<Key, Long> newestVersion = new HashMap<>();
  private final Map<String, NavigableMap<Long, List<String>>> callbacks = new HashMap<>();
  private final Map<String, Long> frozen = new HashMap<>();

  /** As {@link #findPurge} found it, since an hour's history asks a million times. */
  private final Map<String, Long> purged = new HashMap<>();

  private final Map<String, Long> leases = new HashMap<>();
  private final Set<String> over = new HashSet<>();
  private final Set<Key> diedAsWriter = new HashSet<>();
  private final Set<String> mayBeInvalid = new HashSet<>();
  private long grantCount;

  private HistoryChecker() {}

  /** What is wrong with the history; empty if nothing is. */
  static List<String> check(List<Event> events) {
    HistoryChecker checker = new HistoryChecker();
    events.forEach(checker::take);
    checker.checkValues();
    checker.checkCallbacks();
    checker.asked.forEach((key, modes) ->
        checker.complaints.add(
            "I9: %s was never told what became of its request for %s of %s"
                .formatted(key.node(), modes, key.resource())));
    return checker.complaints;
  }

  private static boolean compatible(LockMode one, LockMode other) {
    return COMPATIBLE.get(one.name()).contains(other.name());
  }

  private void complain(Event event, String text) {
    complaints.add("%d %s: %s".formatted(event.time(), event.node(), text));
  }

  private void take(Event event) {
    if (over.contains(event.node())) {
      return;
    }
    switch (event.what()) {
      case What.Asked ask -> ask(event, ask);
      case What.Granted grant -> grant(event, grant);
      case What.Settled(String resource) -> asked.remove(new Key(resource, event.node()));
      case What.Released(String resource) -> {
        wrote(event.node(), resource);
        asked.remove(new Key(resource, event.node()));
        held.remove(new Key(resource, event.node()));
      }
      case What.Callback(String text, long generation) -> callback(event, text, generation);
      case What.Blocking(String resource) -> {
        if (frozen.containsKey(event.node())) {
          complain(event, "a blocking callback of %s between prep and done".formatted(resource));
        }
      }
      case What.Lease(long until) -> {
        leases.put(event.node(), until);
        held.keySet().stream()
            .filter(key -> key.node().equals(event.node()))
            .forEach(key -> checkOthers(event, key));
      }
      case What.Over _ -> end(event.node());
    }
  }

  private void ask(Event event, What.Asked ask) {
    Key key = new Key(ask.resource(), event.node());
    if (asked.put(key, ask.modes()) != null) {
      complain(event, "two requests for " + ask.resource());
    }
    if (ask.written() != 0) {
      writing.put(key, ask.written());
      untold.computeIfAbsent(ask.resource(), _ -> new HashSet<>()).add(ask.written());
    }
  }

  /** An unlock told no version; its write may stand anywhere. */
  private void wrote(String node, String resource) {
    writing.remove(new Key(resource, node));
  }

  private void grant(Event event, What.Granted grant) {
    grantCount++;
    Key key = new Key(grant.resource(), event.node());
    if (!asked.containsKey(key)) {
      complain(event, "a grant of %s that nobody asked for".formatted(grant.resource()));
    }
    if (frozen.containsKey(event.node())) {
      complain(
          event,
          "a grant of %s between prep and done of generation %d"
              .formatted(grant.resource(), frozen.get(event.node())));
    }
    long known =
        callbacks.getOrDefault(event.node(), new TreeMap<>()).isEmpty()
            ? grant.generation()
            : callbacks.get(event.node()).lastKey();
    if (grant.generation() > known) {
      complain(
          event,
          "a grant of generation %d while the node knows %d".formatted(grant.generation(), known));
    }
    held.put(key, EnumSet.of(grant.mode()));
    checkOthers(event, key);
    Long newest = newestVersion.put(key, grant.version());
    if (newest != null && newest > grant.version()) {
      complain(event, "version of %s went back".formatted(grant.resource()));
    }
    if (grant.wrote()) {
      writing.remove(key);
      untold.get(grant.resource()).remove(grant.value());
      Write write = new Write(grant.value(), grant.generation(), event.node());
      if (writes.computeIfAbsent(grant.resource(), _ -> new TreeMap<>()).put(grant.version(), write)
          != null) {
        complain(event, "two writes of %s at one version".formatted(grant.resource()));
      }
    } else {
      reads.computeIfAbsent(grant.resource(), _ -> new ArrayList<>()).add(new Read(event, grant));
      if (!grant.valid() && !mayBeInvalid(grant.resource(), event.time())) {
        complain(
            event,
            "I7: the value of %s is not valid, but no writer died".formatted(grant.resource()));
      }
    }
  }

  private void checkOthers(Event event, Key mine) {
    Set<LockMode> ours = believed(mine);
    if (!hasLease(mine.node(), event.time())) {
      return;
    }
    held.forEach((key, _) -> {
      Set<LockMode> theirs = believed(key);
      if (key.resource().equals(mine.resource())
          && !key.node().equals(mine.node())
          && hasLease(key.node(), event.time())
          && ours.stream().noneMatch(a -> theirs.stream().anyMatch(b -> compatible(a, b)))) {
        complain(
            event,
            "I8: is granted %s of %s while %s holds %s"
                .formatted(ours, mine.resource(), key.node(), theirs));
      }
    });
  }

  private Set<LockMode> believed(Key key) {
    EnumSet<LockMode> modes = EnumSet.noneOf(LockMode.class);
    modes.addAll(held.getOrDefault(key, Set.of()));
    modes.addAll(asked.getOrDefault(key, Set.of()));
    return modes;
  }

  /** A node without a lease acts upon nothing it holds. */
  private boolean hasLease(String node, long time) {
    return leases.getOrDefault(node, Long.MAX_VALUE) >= time;
  }

  private boolean mayBeInvalid(String resource, long time) {
    return mayBeInvalid.contains(resource)
        || Stream.concat(held.keySet().stream(), asked.keySet().stream())
            .anyMatch(key ->
                key.resource().equals(resource)
                    && !hasLease(key.node(), time)
                    && believed(key).stream().anyMatch(HistoryChecker::writer));
  }

  private static boolean writer(LockMode mode) {
    return mode == LockMode.PW || mode == LockMode.EX;
  }

  private void end(String node) {
    over.add(node);
    frozen.remove(node);
    Set<Key> keys = new HashSet<>(held.keySet());
    keys.addAll(asked.keySet());
    for (Key key : keys) {
      if (key.node().equals(node)) {
        Set<LockMode> modes = believed(key);
        if (modes.stream().anyMatch(HistoryChecker::writer)) {
          mayBeInvalid.add(key.resource());
        }
        if (!asked.containsKey(key) && modes.stream().allMatch(HistoryChecker::writer)) {
          diedAsWriter.add(key);
        }
        held.remove(key);
        asked.remove(key);
      }
    }
  }

  private void callback(Event event, String text, long generation) {
    if (text.startsWith("prep")) {
      frozen.put(event.node(), generation);
    } else if (text.startsWith("slot")) {
      if (!frozen.containsKey(event.node())) {
        complain(event, text + " without prep");
      }
    } else if (text.startsWith("done")) {
      frozen.remove(event.node());
    }
    if (!text.startsWith("prep")) {
      callbacks
          .computeIfAbsent(event.node(), _ -> new TreeMap<>())
          .computeIfAbsent(generation, _ -> new ArrayList<>())
          .add(text);
    }
  }

  private void checkValues() {
    reads.forEach((resource, all) -> {
      NavigableMap<Long, Write> told = writes.getOrDefault(resource, new TreeMap<>());
      all.forEach(read -> checkValue(resource, read, lastBefore(told, read)));
    });
  }

  /** What one commit both writes and reads, it may read before and after. */
  private static Map.Entry<Long, Write> lastBefore(NavigableMap<Long, Write> told, Read read) {
    long version = read.grant().version();
    Write same = told.get(version);
    return same != null
            && same.node().equals(read.event().node())
            && same.value() != read.grant().value()
        ? told.lowerEntry(version)
        : told.floorEntry(version);
  }

  private void checkValue(String resource, Read read, Map.Entry<Long, Write> last) {
    What.Granted grant = read.grant();
    long expected = last == null ? 0 : last.getValue().value();
    boolean isUntold = untold.getOrDefault(resource, Set.of()).contains(grant.value());
    if (grant.value() != expected && !isUntold) {
      complain(
          read.event(),
          "I7: reads %d of %s at version %d, but %d was written last"
              .formatted(grant.value(), resource, grant.version(), expected));
    }
    long written = last == null ? 0 : last.getValue().generation();
    if (grant.valid() && !isUntold) {
      for (Key key : diedAsWriter) {
        long purged = purgeGeneration(key.node());
        if (key.resource().equals(resource)
            && purged > written
            && purged <= grant.generation()
            && newestVersion.get(key) < grant.version()) {
          complain(
              read.event(),
              "I7: the value of %s is valid though its writer %s died in generation %d"
                  .formatted(resource, key.node(), purged));
        }
      }
    }
  }

  /** The generation in which the others were told of the node's death; none is for ever. */
  private long purgeGeneration(String node) {
    return purged.computeIfAbsent(node, this::findPurge);
  }

  private long findPurge(String node) {
    for (NavigableMap<Long, List<String>> heard : callbacks.values()) {
      for (Map.Entry<Long, List<String>> generation : heard.entrySet()) {
        if (generation.getValue().stream()
            .anyMatch(text -> text.startsWith("slot ") && text.endsWith(" of " + node))) {
          return generation.getKey();
        }
      }
    }
    return Long.MAX_VALUE;
  }

  private void checkCallbacks() {
    Map<Long, List<String>> agreed = new HashMap<>();
    callbacks.forEach((node, heard) -> {
      long before = heard.isEmpty() ? 0 : heard.firstKey() - 1;
      for (Map.Entry<Long, List<String>> one : heard.entrySet()) {
        if (one.getKey() != before + 1) {
          complaints.add("%s has not heard of generation %d".formatted(node, before + 1));
        }
        before = one.getKey();
        List<String> other = agreed.putIfAbsent(one.getKey(), one.getValue());
        boolean halfHeard = over.contains(node) && one.getKey().equals(heard.lastKey());
        if (other != null && !other.equals(one.getValue()) && !halfHeard) {
          complaints.add(
              "generation %d is %s on %s, %s elsewhere"
                  .formatted(one.getKey(), one.getValue(), node, other));
        }
      }
    });
  }

  long grantCount() {
    return grantCount;
  }
}
