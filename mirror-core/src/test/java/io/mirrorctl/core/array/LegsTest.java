package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.Superblock;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;

class LegsTest {
  private static final List<Leg> LEGS = List.of(leg("a"), leg("b"), leg("c"));

  private static Leg leg(String name) {
    Member member =
        new Member(
            new SimDisk(name, 4096),
            Superblock.builder().build(),
            new BadBlocks(BadBlockLog.EMPTY));
    return new Leg(member, 0, new MemberState.InSync());
  }

  @Test
  void everyMemberIsServedAndTheFailuresAreTold() {
    List<String> served = Collections.synchronizedList(new ArrayList<>());
    List<Legs.Failure> failures =
        Legs.run(
            LEGS,
            leg -> {
              served.add(leg.member().disk());
              if (leg.member().disk().equals("b")) {
                throw new DeviceException(IoFailure.MEDIUM, "planted");
              }
            },
            task -> Thread.ofVirtual().start(task));
    assertThat(served).containsExactlyInAnyOrder("a", "b", "c");
    assertThat(failures).extracting(failure -> failure.leg().member().disk()).containsExactly("b");
  }

  @Test
  void whereNoThreadCanBeHadTheCallerServesAllMembers() {
    List<String> served = new ArrayList<>();
    List<Legs.Failure> failures =
        Legs.run(
            LEGS,
            leg -> served.add(leg.member().disk()),
            _ -> {
              throw new RejectedExecutionException("no thread");
            });
    assertThat(served).containsExactlyInAnyOrder("a", "b", "c");
    assertThat(failures).isEmpty();
  }

  @Test
  void anInterruptIsKeptAndTheOperationAskedAgain() {
    List<String> calls = new ArrayList<>();
    boolean done =
        Legs.attempt(
                LEGS.getFirst(),
                _ -> {
                  calls.add("call");
                  if (calls.size() == 1) {
                    Thread.currentThread().interrupt();
                    throw new InterruptedIOException("before it began");
                  }
                })
            .isEmpty();
    assertThat(done).isTrue();
    assertThat(calls).hasSize(2);
    assertThat(Thread.interrupted()).isTrue();
  }

  @Test
  void aDeviceThatCallsItsOwnErrorAnInterruptFails() {
    assertThat(
            Legs.attempt(
                LEGS.getFirst(),
                _ -> {
                  throw new InterruptedIOException("a time-out");
                }))
        .isPresent();
  }
}
