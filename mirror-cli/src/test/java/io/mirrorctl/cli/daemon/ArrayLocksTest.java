package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockTable;
import io.mirrorctl.dlm.lock.LockspaceView;
import io.mirrorctl.dlm.lock.Owner;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.store.Bytes;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ArrayLocksTest {
  private static final Instant NOW = Instant.parse("2026-11-20T12:00:00Z");
  private static final Owner FIRST = new Owner(0, 11);
  private static final Owner SECOND = new Owner(1, 12);
  private static final Owner DEAD = new Owner(2, 13);
  private static final LockspaceView VIEW =
      new LockspaceView(
          7,
          List.of(
              new SlotState.Member(1, 11),
              new SlotState.Member(2, 12),
              new SlotState.NeedsTakeover(3, 13, 6),
              new SlotState.Free()));

  private static LockTable.Held held(Owner owner, LockMode mode, long secondsAgo) {
    return new LockTable.Held(owner, mode, NOW.minusSeconds(secondsAgo), Bytes.EMPTY);
  }

  private static LockTable.Waiting waiting(
      Owner owner, Optional<LockMode> held, LockMode wanted, long secondsAgo, Owner... behind) {
    return new LockTable.Waiting(owner, held, wanted, NOW.minusSeconds(secondsAgo), Set.of(behind));
  }

  private static List<ArrayLocks.Entry> locks(LockTable.Resource... resources) {
    return ArrayLocks.of(
            "m", "md-x", new LockTable(VIEW, List.of(resources)), node -> "n" + node, NOW)
        .locks();
  }

  @Test
  void whoHoldsComesBeforeWhoWaitsAndTheQueueIsNumbered() {
    List<ArrayLocks.Entry> locks =
        locks(
            new LockTable.Resource(
                "token",
                ValueBlock.ZERO,
                List.of(held(SECOND, LockMode.NL, 3), held(FIRST, LockMode.EX, 8)),
                List.of(
                    waiting(SECOND, Optional.of(LockMode.NL), LockMode.EX, 3, FIRST),
                    waiting(DEAD, Optional.empty(), LockMode.EX, 2, SECOND, FIRST))));

    assertThat(locks)
        .containsExactly(
            new ArrayLocks.Entry(
                "token",
                0,
                Optional.of("n1"),
                "granted",
                Optional.of("EX"),
                Optional.empty(),
                OptionalInt.empty(),
                true,
                OptionalLong.empty(),
                OptionalLong.of(8000),
                List.of()),
            new ArrayLocks.Entry(
                "token",
                1,
                Optional.of("n2"),
                "converting",
                Optional.of("NL"),
                Optional.of("EX"),
                OptionalInt.of(1),
                true,
                OptionalLong.of(3000),
                OptionalLong.of(3000),
                List.of("n1")),
            new ArrayLocks.Entry(
                "token",
                2,
                Optional.of("n3"),
                "waiting",
                Optional.empty(),
                Optional.of("EX"),
                OptionalInt.of(2),
                true,
                OptionalLong.of(2000),
                OptionalLong.empty(),
                List.of("n1", "n2")));
  }

  @Test
  void anOwnerThatIsNotInItsSlotAnyMoreHasNoName() {
    Owner earlier = new Owner(0, 5);

    ArrayLocks.Entry lock =
        locks(
                new LockTable.Resource(
                    "resync",
                    new ValueBlock(ValueBlock.ZERO.content(), false),
                    List.of(held(earlier, LockMode.PW, 1)),
                    List.of()))
            .getFirst();

    assertThat(lock.node()).isEmpty();
    assertThat(lock.valueValid()).isFalse();
  }

  @Test
  void aClockThatIsAheadGivesNoNegativeTimes() {
    ArrayLocks.Entry lock =
        locks(
                new LockTable.Resource(
                    "resync", ValueBlock.ZERO, List.of(held(FIRST, LockMode.PW, -30)), List.of()))
            .getFirst();

    assertThat(lock.heldAtLeastMillis()).hasValue(0);
  }

  @Test
  void resourcesAreInTheOrderOfTheirNames() {
    LockTable.Resource token =
        new LockTable.Resource(
            "token", ValueBlock.ZERO, List.of(held(FIRST, LockMode.NL, 1)), List.of());
    LockTable.Resource ack =
        new LockTable.Resource(
            "ack0000", ValueBlock.ZERO, List.of(held(FIRST, LockMode.CR, 1)), List.of());

    assertThat(locks(token, ack))
        .extracting(ArrayLocks.Entry::resource)
        .containsExactly("ack0000", "token");
  }
}
