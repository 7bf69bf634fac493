package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class MembershipTest {
  private final Member a = member(0);
  private final Member b = member(1);
  private final Member spare = member(2);
  private final Superblocks superblocks = new Superblocks();
  private final Membership membership = membership(Env.system());

  private Membership membership(Env env) {
    return new Membership(
        new MemberSet(
            ImmutableList.of(
                new Leg(a, 0, new MemberState.InSync()), new Leg(b, 1, new MemberState.InSync())),
            2,
            1000,
            10),
        new IoGate(Env.system().ticker()),
        ClusterPort.singleNode(),
        superblocks,
        true,
        env);
  }

  private static Member member(int number) {
    Superblock superblock =
        Superblock.builder().devNumber(number).deviceUuid(new UUID(0, number)).build();
    return new Member(
        new SimDisk("disk" + number, 1 << 20), superblock, new BadBlocks(BadBlockLog.EMPTY));
  }

  /** Writes nothing; fails for some members, and does something meanwhile. */
  private static final class Superblocks implements Membership.Durability {
    private final List<MemberSet> written = new ArrayList<>();
    private final Set<Member> failing = new HashSet<>();
    private Consumer<MemberSet> meanwhile = _ -> {};

    @Override
    public void prepare(long events) {}

    @Override
    public List<Legs.Failure> writeSuperblocks(MemberSet before, MemberSet next) {
      written.add(next);
      meanwhile.accept(next);
      return next.legs().stream()
          .filter(leg -> !leg.isFaulty() && failing.contains(leg.member()))
          .map(leg -> new Legs.Failure(leg, new DeviceException(IoFailure.MEDIUM, "planted")))
          .toList();
    }

    @Override
    public void switched(MemberSet before, MemberSet after, Set<Member> incomplete) {}
  }

  private static Membership.Step failing(Member member) {
    return set -> set.with(member, leg -> leg.with(new MemberState.Faulty("test")));
  }

  @Test
  void anErrorDoesNotFailTheMemberThatAChangeOnItsWayLeavesAsTheLast() throws Exception {
    List<Boolean> condemned = new ArrayList<>();
    superblocks.meanwhile =
        _ -> condemned.add(membership.condemn(b, new MemberState.Faulty("an error")));
    membership.change(failing(a));
    assertThat(condemned).containsExactly(false);
    assertThat(membership.current().inSync()).extracting(Leg::member).containsExactly(b);
    assertThat(membership.isUnsettled()).isFalse();
  }

  @Test
  void theLastInSyncMemberIsNotCondemned() throws Exception {
    assertThat(membership.condemn(a, new MemberState.Faulty("an error"))).isTrue();
    assertThat(membership.isCondemned(a) || membership.current().find(a).orElseThrow().isFaulty())
        .as("condemned, or its loss recorded already by the thread that makes changes")
        .isTrue();
    assertThat(membership.condemn(b, new MemberState.Faulty("an error"))).isFalse();
    membership.awaitSettled();
    assertThat(membership.current().inSync()).extracting(Leg::member).containsExactly(b);
    assertThat(membership.condemn(b, new MemberState.Faulty("an error"))).isFalse();
  }

  @Test
  void aMemberToBeFilledAgainThatCannotBeWrittenIsFaulty() throws Exception {
    superblocks.failing.add(a);
    membership.condemn(a, new MemberState.Recovering(0, true, false));
    membership.awaitSettled();
    assertThat(membership.current().find(a).orElseThrow().isFaulty()).isTrue();
    assertThat(superblocks.written).hasSize(2);
  }

  @Test
  void equalEventsNeverTellOfDifferentSets() {
    superblocks.failing.add(spare);
    assertThatThrownBy(
            () -> membership.change(set -> set.plus(new Leg(spare, -1, new MemberState.Spare()))))
        .isInstanceOf(IOException.class);
    assertThat(superblocks.written).extracting(MemberSet::events).containsExactly(11L, 12L);
    assertThat(superblocks.written.get(1).find(spare)).isEmpty();
    assertThat(membership.current().events()).isEqualTo(12);
  }

  @Test
  void aRefusedChangeWritesNothing() {
    assertThatThrownBy(() ->
            membership.change(_ -> {
              throw ArrayException.failed("no");
            }))
        .isInstanceOf(ArrayException.class);
    assertThat(superblocks.written).isEmpty();
  }

  @Test
  void lostWritesAreCountedBeforeTheSetIsChanged() throws Exception {
    List<Long> seen = new ArrayList<>();
    membership.condemn(a, new MemberState.Recovering(0, true, false));
    membership.change(set -> {
      seen.add(membership.losses());
      return set;
    });
    membership.awaitSettled();
    assertThat(seen).doesNotContain(0L);
  }

  @Test
  @Timeout(30)
  void aLossForWhichThereWasNoThreadIsRecordedWhenThereIsOne() throws Exception {
    AtomicBoolean full = new AtomicBoolean(true);
    Env system = Env.system();
    Executor io =
        task -> {
          if (full.get()) {
            throw new OutOfMemoryError("planted: unable to create native thread");
          }
          system.io().execute(task);
        };
    Membership starved =
        membership(
            new Env(system.ticker(), system.wallClock(), system.random(), io, system.timer()));
    assertThatCode(() -> starved.condemn(a, new MemberState.Faulty("an error")))
        .doesNotThrowAnyException();
    assertThatThrownBy(starved::awaitSettled)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no thread for it");
    full.set(false);
    starved.awaitSettled();
    assertThat(starved.current().find(a).orElseThrow().isFaulty()).isTrue();
  }
}
