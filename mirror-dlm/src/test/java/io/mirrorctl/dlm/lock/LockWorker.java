package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.History.What;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** One node's user of locks: asks at random, writes down what it asked and what it was told. */
final class LockWorker implements LockspaceListener {
  private static final LockMode[] MODES = LockMode.values();
  private static final Duration PATIENCE = Duration.ofSeconds(2);

  /** Where a worker works: one incarnation of a node. */
  interface Home {
    /** Names the incarnation. */
    String name();

    /** No two incarnations have the same. */
    long number();

    Loop loop();

    CompletableFuture<JoinOutcome> join(LockspaceListener listener);

    /** The lockspace is joined: tell it when nodes are gone. */
    void entered(Lockspace lockspace);

    /** The lockspace is left. */
    void left();
  }

  private final Home home;
  private final Consumer<What> history;
  private final SplittableRandom random;
  private final Map<String, Lock> locks = new LinkedHashMap<>();
  private final Set<String> busy = new HashSet<>();
  private Lockspace lockspace;
  private boolean joining;
  private boolean working = true;
  private boolean over;
  private boolean leaving;
  private boolean ended;
  private boolean serving;
  private int unserved;
  private long written;

  LockWorker(Home home, Consumer<What> history, SplittableRandom random) {
    this.home = home;
    this.history = history;
    this.random = random;
  }

  void join() {
    joining = true;
    home.loop()
        .execute(() -> {
          var _ = home.join(this).thenAccept(this::joined);
        });
  }

  private void joined(JoinOutcome outcome) {
    joining = false;
    if (!(outcome instanceof JoinOutcome.Joined(Lockspace ours))) {
      ended = true;
      return;
    }
    lockspace = ours;
    home.entered(ours);
    List<SlotState> slots = ours.view().slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.NeedsTakeover(int _, long _, long generation)) {
        takeOver(slot, generation);
      }
    }
    for (String resource : LockSimulation.RESOURCES) {
      open(resource);
    }
    work();
  }

  private void open(String resource) {
    Lock lock =
        random.nextBoolean()
            ? lockspace.lock(resource, _ -> blocking(resource))
            : lockspace.lock(resource);
    locks.put(resource, lock);
  }

  private void blocking(String resource) {
    history.accept(new What.Blocking(resource));
    if (random.nextBoolean()) {
      later(Duration.ofMillis(20), () -> release(resource));
    }
  }

  private void later(Duration most, Runnable task) {
    long millis = random.nextLong(most.toMillis() + 1);
    home.loop()
        .after(
            Duration.ofMillis(millis),
            () -> {
              if (!ended) {
                task.run();
              }
            });
  }

  private void work() {
    if (!working) {
      rest();
      return;
    }
    act();
    later(Duration.ofMillis(600), this::work);
  }

  private void act() {
    List<String> idle = locks.keySet().stream().filter(name -> !busy.contains(name)).toList();
    int what = random.nextInt(100);
    if (what < 10 && !busy.isEmpty()) {
      locks.get(pick(List.copyOf(busy).stream().sorted().toList())).cancel();
    } else if (what < 11) {
      leave();
    } else if (idle.isEmpty()) {
      return;
    } else if (what < 15) {
      unlock(pick(idle));
    } else if (what < 30) {
      several(idle);
    } else {
      ask(List.of(new Wish(pick(idle), MODES[random.nextInt(MODES.length)], false)));
    }
  }

  private String pick(List<String> names) {
    return names.get(random.nextInt(names.size()));
  }

  /** In the order of the resources, as all locks are taken that are held together. */
  private void several(List<String> idle) {
    List<Wish> wishes = new ArrayList<>();
    for (String name : idle) {
      wishes.add(new Wish(name, MODES[random.nextInt(MODES.length)], false));
      if (random.nextBoolean()) {
        wishes.add(new Wish(name, MODES[random.nextInt(MODES.length)], false));
      }
    }
    ask(wishes);
  }

  private record Wish(String resource, LockMode mode, boolean must) {}

  private void ask(List<Wish> wishes) {
    Map<String, Set<LockMode>> modes = new LinkedHashMap<>();
    Map<String, Long> values = new LinkedHashMap<>();
    Map<String, Optional<LockMode>> held = new LinkedHashMap<>();
    List<Step> steps = new ArrayList<>();
    List<Long> stepValues = new ArrayList<>();
    for (Wish wish : wishes) {
      Lock lock = locks.get(wish.resource());
      Optional<LockMode> before = held.getOrDefault(wish.resource(), lock.granted());
      held.put(wish.resource(), Optional.of(wish.mode()));
      modes.computeIfAbsent(wish.resource(), _ -> EnumSet.noneOf(LockMode.class)).add(wish.mode());
      LockRequest request = LockRequest.to(wish.mode());
      long value = 0;
      if (before.filter(mode -> GrantQueue.writes(mode, wish.mode())).isPresent()
          && !values.containsKey(wish.resource())
          && random.nextInt(4) > 0) {
        value = home.number() * 1_000_000L + ++written;
        values.put(wish.resource(), value);
        request = request.writing(block(value));
      }
      if (!wish.must() && random.nextInt(6) == 0) {
        request = request.orBusy();
      }
      stepValues.add(value);
      steps.add(new Step(lock, request));
    }
    modes.forEach((resource, set) -> {
      busy.add(resource);
      history.accept(new What.Asked(resource, set, values.getOrDefault(resource, 0L)));
    });
    CompletableFuture<RunOutcome> run = lockspace.run(steps);
    var _ = run.thenAccept(outcome -> told(wishes, stepValues, modes.keySet(), outcome));
    if (wishes.stream().noneMatch(Wish::must)) {
      Lock any = steps.getFirst().lock();
      home.loop()
          .after(
              PATIENCE,
              () -> {
                if (!run.isDone()) {
                  any.cancel();
                }
              });
    }
  }

  private void told(
      List<Wish> wishes, List<Long> values, Set<String> resources, RunOutcome outcome) {
    if (outcome.last() instanceof LockOutcome.Halted
        || outcome.last() instanceof LockOutcome.Left) {
      ended = true;
      over();
      return;
    }
    for (int i = 0; i < outcome.grants().size(); i++) {
      Grant grant = outcome.grants().get(i);
      history.accept(
          new What.Granted(
              wishes.get(i).resource(),
              grant.mode(),
              number(grant.value().content()),
              grant.value().valid(),
              grant.generation(),
              grant.version(),
              values.get(i) != 0));
    }
    for (String resource : resources) {
      history.accept(new What.Settled(resource));
      busy.remove(resource);
    }
    if (serving) {
      if (outcome.complete()) {
        wishes.forEach(wish -> served(wish.resource(), wish.mode()));
      }
    } else if (working) {
      later(Duration.ofMillis(800), () -> resources.forEach(this::release));
    } else {
      rest();
    }
  }

  private void release(String resource) {
    Lock lock = locks.get(resource);
    if (!serving
        && !busy.contains(resource)
        && lock.granted().filter(mode -> mode != LockMode.NL).isPresent()) {
      ask(List.of(new Wish(resource, LockMode.NL, true)));
    }
  }

  private void unlock(String resource) {
    busy.add(resource);
    history.accept(new What.Asked(resource, EnumSet.of(LockMode.NL), 0));
    var _ =
        locks
            .get(resource)
            .unlock()
            .thenAccept(outcome -> {
              if (outcome instanceof LockOutcome.Released) {
                history.accept(new What.Released(resource));
                busy.remove(resource);
                open(resource);
                if (!working) {
                  rest();
                }
              } else {
                ended = true;
                over();
              }
            });
  }

  private void leave() {
    // what it holds may be given up before it dies on its way out
    locks.keySet().stream()
        .filter(resource -> !busy.contains(resource))
        .forEach(resource -> history.accept(new What.Asked(resource, EnumSet.of(LockMode.NL), 0)));
    leaving = true;
    ended = true;
    over();
    var _ =
        lockspace
            .leave(
                random.nextBoolean() ? Lockspace.Leaving.CLEAN : Lockspace.Leaving.NEEDS_TAKEOVER)
            .thenAccept(_ -> home.left());
  }

  private static Bytes block(long value) {
    ByteBuffer block = ByteBuffer.allocate(ValueBlock.BYTES);
    while (block.hasRemaining()) {
      block.putLong(value);
    }
    return Bytes.of(block.flip());
  }

  /** The number that fills the block; -1 if it is of two writes. */
  private static long number(Bytes block) {
    ByteBuffer in = block.buffer();
    long first = in.getLong();
    while (in.hasRemaining()) {
      if (in.getLong() != first) {
        return -1;
      }
    }
    return first;
  }

  /** Nothing counts any more of what this node holds. */
  void over() {
    if (!over) {
      over = true;
      history.accept(new What.Over());
    }
  }

  void stopWorking() {
    working = false;
    home.loop()
        .execute(() -> {
          if (!ended && lockspace != null) {
            List.copyOf(busy).forEach(name -> locks.get(name).cancel());
            rest();
          }
        });
  }

  private void rest() {
    if (!serving && !ended) {
      locks.keySet().forEach(this::release);
    }
  }

  boolean isQuiet() {
    return ended
        || (!joining
            && busy.isEmpty()
            && locks.values().stream()
                .allMatch(lock -> lock.granted().orElse(LockMode.NL) == LockMode.NL));
  }

  void takeEverythingOnce() {
    serving = true;
    unserved = locks.size();
    home.loop()
        .execute(() -> {
          if (!ended) {
            locks.keySet().forEach(name -> ask(List.of(new Wish(name, LockMode.EX, true))));
          }
        });
  }

  private void served(String resource, LockMode mode) {
    if (mode == LockMode.EX) {
      later(Duration.ofMillis(100), () -> ask(List.of(new Wish(resource, LockMode.NL, true))));
    } else {
      unserved--;
    }
  }

  boolean isServed() {
    return ended || (serving && unserved == 0 && busy.isEmpty());
  }

  @Override
  public String toString() {
    return "%s joining %s busy %s unserved %d".formatted(home.name(), joining, busy, unserved);
  }

  boolean isServing() {
    return serving;
  }

  /** Whether this worker works no more, and is not on its way out by itself. */
  boolean isHalted() {
    return ended && !leaving;
  }

  /** Everybody does, at its own time, as with the bitmap of a dead node. */
  private void takeOver(int slot, long generation) {
    later(
        Duration.ofSeconds(1),
        () -> {
          var _ = lockspace.takenOver(slot, generation, Set.of());
        });
  }

  private void callback(String text, long generation) {
    history.accept(new What.Callback(text, generation));
  }

  @Override
  public void prep(long generation) {
    callback("prep", generation);
  }

  @Override
  public void slot(int slot, int node, long generation) {
    callback("slot " + slot + " of node " + node, generation);
    takeOver(slot, generation);
  }

  @Override
  public void done(long generation) {
    callback("done", generation);
  }

  @Override
  public void joined(int slot, int node, long generation) {
    callback("joined " + node + " in slot " + slot, generation);
  }

  @Override
  public void left(int slot, int node, boolean needsTakeover, long generation) {
    callback("left " + node + " in slot " + slot + " " + needsTakeover, generation);
    if (needsTakeover) {
      takeOver(slot, generation);
    }
  }

  @Override
  public void freed(int slot, long generation) {
    callback("freed " + slot, generation);
  }

  @Override
  public void halted(String reason) {
    ended = true;
    over();
  }
}
