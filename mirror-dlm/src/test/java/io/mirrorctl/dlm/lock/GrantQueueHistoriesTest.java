package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.function.BinaryOperator;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@link GrantQueue} does in every history what {@link ObviousDlm} does. */
class GrantQueueHistoriesTest {
  private static final LockMode[] MODES = LockMode.values();
  private static final int STEPS = 25;

  /** Replays one seed: {@code -Dmirrorctl.lock.history=SEED}. */
  private static final Optional<Long> ONE =
      Optional.ofNullable(Long.getLong("mirrorctl.lock.history"));

  @Test
  void aHundredThousandHistoriesAreThoseOfTheModel() {
    all(0, 100_000);
  }

  @Tag("nightly")
  @Test
  void millionsOfHistoriesAreThoseOfTheModel() {
    all(100_000, 5_000_000);
  }

  private static void all(long from, long to) {
    ONE.map(LongStream::of)
        .orElseGet(() -> LongStream.range(from, to))
        .forEach(seed -> new History(seed, (ours, _) -> ours).run());
  }

  @Test
  void aRuleThatIsLeftOutIsNoticed() {
    // conversions that wait are forgotten as soon as anything else happens
    BinaryOperator<LockRecord> forgetful =
        (after, before) ->
            new LockRecord(
                after.generation(),
                after.value(),
                after.entries().stream()
                    .filter(entry ->
                        !(entry.state() instanceof LockRecord.State.Converting)
                            || !before.entries().contains(entry))
                    .toList());
    assertThat(LongStream.range(0, 100).anyMatch(seed -> differs(seed, forgetful))).isTrue();
  }

  private static boolean differs(long seed, BinaryOperator<LockRecord> bug) {
    try {
      new History(seed, bug).run();
      return false;
    } catch (AssertionError _) {
      return true;
    }
  }

  /** One random history. */
  private static final class History {
    private final long seed;
    private final SplittableRandom random;
    private final BinaryOperator<LockRecord> bug;
    private final int owners;
    private final long[] lastRequest;
    private final List<LockOp> lastOp = new ArrayList<>();
    private final ObviousDlm model = new ObviousDlm();
    private final StringBuilder story = new StringBuilder();
    private LockRecord record = LockRecord.NEW;
    private long requests;

    History(long seed, BinaryOperator<LockRecord> bug) {
      this.seed = seed;
      this.bug = bug;
      random = new SplittableRandom(seed);
      owners = random.nextInt(2, 7);
      lastRequest = new long[owners];
      for (int i = 0; i < owners; i++) {
        lastOp.add(new LockOp.Cancel());
      }
    }

    private static Owner owner(int number) {
      return new Owner(number, 100 + number);
    }

    void run() {
      for (int i = 0; i < STEPS; i++) {
        LockRecord before = record;
        if (random.nextInt(20) == 0) {
          purge();
        } else {
          operate(random.nextInt(owners));
        }
        record = bug.apply(record, before);
        compare();
      }
    }

    private void purge() {
      Set<Integer> dead = new TreeSet<>();
      for (int i = 0; i < owners; i++) {
        if (random.nextInt(4) == 0) {
          dead.add(i);
        }
      }
      story.append("\npurge ").append(dead);
      record = GrantQueue.purge(record, owner -> dead.contains(owner.slot()), 7);
      model.purge(dead);
    }

    private void operate(int number) {
      boolean again = random.nextInt(12) == 0 && lastRequest[number] > 0;
      LockOp op = again ? lastOp.get(number) : choose(number);
      long request = again ? lastRequest[number] : ++requests;
      lastOp.set(number, op);
      lastRequest[number] = request;
      story.append("\n%d #%d %s".formatted(number, request, op));
      if (again && op instanceof LockOp.Ask && notDone(number, request)) {
        return;
      }
      GrantQueue.Result result = GrantQueue.apply(record, owner(number), request, op, 7);
      String expected =
          switch (op) {
            case LockOp.Ask(LockRequest ask) ->
                model.ask(number, request, ask.mode(), ask.noQueue(), ask.value().orElse(null));
            case LockOp.Cancel _ -> model.cancel(number, request);
            case LockOp.Unlock(Optional<Bytes> value) -> model.unlock(number, value.orElse(null));
          };
      assertThat(result.outcome()).as("seed %d%s", seed, story).hasToString(expected);
      record = result.record();
    }

    /** A request that was refused may be made again only while nothing is under way. */
    private boolean notDone(int number, long request) {
      ObviousDlm.Lkb lkb = model.find(number);
      return lkb != null && lkb.requested != null && lkb.lastId != request;
    }

    private LockOp choose(int number) {
      ObviousDlm.Lkb lkb = model.find(number);
      boolean queued = lkb != null && lkb.requested != null;
      if (queued || random.nextInt(15) == 0) {
        return random.nextInt(3) == 0 ? new LockOp.Unlock(value()) : new LockOp.Cancel();
      }
      if (lkb != null && random.nextInt(8) == 0) {
        return new LockOp.Unlock(value());
      }
      LockMode mode = MODES[random.nextInt(MODES.length)];
      return new LockOp.Ask(new LockRequest(mode, value(), Bytes.EMPTY, random.nextInt(5) == 0));
    }

    private Optional<Bytes> value() {
      if (random.nextInt(3) == 0) {
        return Optional.empty();
      }
      byte[] content = new byte[ValueBlock.BYTES];
      content[random.nextInt(content.length)] = (byte) random.nextInt();
      return Optional.of(Bytes.of(content));
    }

    private void compare() {
      String ours = describe(record);
      String theirs = describe(model);
      if (!ours.equals(theirs)) {
        throw new AssertionError(
            "seed %d%s\nrecord %s\nmodel  %s".formatted(seed, story, ours, theirs));
      }
      readsBack();
    }

    private void readsBack() {
      try {
        LockRecord read = LockRecordCodec.decode(LockRecordCodec.encode(record));
        if (!read.equals(record)) {
          throw new AssertionError("seed %d: %s is read as %s".formatted(seed, record, read));
        }
      } catch (MalformedRecordException e) {
        throw new AssertionError("seed %d%s\n%s".formatted(seed, story, record), e);
      }
    }

    private static String describe(LockRecord record) {
      Set<String> granted = new HashSet<>();
      StringBuilder converting = new StringBuilder();
      StringBuilder waiting = new StringBuilder();
      for (Entry entry : record.entries()) {
        int slot = entry.owner().slot();
        switch (entry.state()) {
          case LockRecord.State.Granted(LockMode mode) ->
              granted.add(slot + " " + mode + " #" + entry.request());
          case LockRecord.State.Converting(LockMode held, LockMode wanted) ->
              converting.append(slot + " " + held + " " + wanted + " #" + entry.request() + ",");
          case LockRecord.State.Waiting(LockMode wanted) ->
              waiting.append(slot + " " + wanted + " #" + entry.request() + ",");
        }
      }
      return new TreeSet<>(granted) + "|" + converting + "|" + waiting + "|" + record.value();
    }

    private static String describe(ObviousDlm model) {
      Set<String> granted =
          model.grantQueue.stream()
              .map(lkb -> lkb.owner + " " + lkb.granted + " #" + lkb.lastId)
              .collect(Collectors.toCollection(TreeSet::new));
      StringBuilder converting = new StringBuilder();
      for (ObviousDlm.Lkb lkb : model.convertQueue) {
        converting.append(
            lkb.owner + " " + lkb.granted + " " + lkb.requested + " #" + lkb.lastId + ",");
      }
      StringBuilder waiting = new StringBuilder();
      for (ObviousDlm.Lkb lkb : model.waitQueue) {
        waiting.append(lkb.owner + " " + lkb.requested + " #" + lkb.lastId + ",");
      }
      return granted
          + "|"
          + converting
          + "|"
          + waiting
          + "|"
          + new ValueBlock(model.value, model.valid);
    }
  }
}
