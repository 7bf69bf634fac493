package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class LeaseGateTest {
  private final AtomicBoolean valid = new AtomicBoolean(true);
  private final LeaseGate gate = new LeaseGate(valid::get);

  private CompletableFuture<Thread> waiting() {
    return CompletableFuture.supplyAsync(() -> {
      try {
        gate.await();
      } catch (DeviceException e) {
        throw new IllegalStateException(e);
      }
      return Thread.currentThread();
    });
  }

  @Test
  void whoComesAfterTheEndOfTheLeaseWaitsForItsRenewal() throws Exception {
    gate.await();
    valid.set(false);
    var waits = waiting();
    assertThatThrownBy(() -> waits.get(200, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
    valid.set(true);
    gate.resume();
    assertThat(waits.get(60, TimeUnit.SECONDS)).isNotNull();
  }

  /** R7: the question is asked when a request is submitted, however long ago it came. */
  @Test
  void nothingIsSubmittedFromTheEndOfTheLeaseToItsRenewal() throws Exception {
    gate.submit();
    gate.returned();
    valid.set(false);
    var submitted =
        CompletableFuture.supplyAsync(() -> {
          try {
            gate.submit();
            return valid.get();
          } catch (DeviceException e) {
            throw new IllegalStateException(e);
          }
        });
    assertThatThrownBy(() -> submitted.get(200, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
    assertThat(gate.drained().get(60, TimeUnit.SECONDS)).isNull(); // who waits is not counted
    valid.set(true);
    assertThat(submitted.get(60, TimeUnit.SECONDS)).isTrue();
    gate.returned();
  }

  @Test
  void aHoldIsCompleteWhenWhatWasSubmittedHasReturnedAndLetsNothingMoreThrough() throws Exception {
    gate.submit();
    gate.submit();
    var held = gate.hold();
    assertThat(held).isNotDone();
    gate.returned();
    assertThat(held).isNotDone();

    var waits =
        CompletableFuture.supplyAsync(() -> {
          try {
            gate.submit();
            return true;
          } catch (DeviceException e) {
            throw new IllegalStateException(e);
          }
        });
    gate.returned();
    assertThat(held.get(60, TimeUnit.SECONDS)).isNull();
    assertThat(gate.hold().get(60, TimeUnit.SECONDS)).isNull(); // whoever waits is not counted
    assertThat(waits).isNotDone();

    gate.resume();
    assertThat(waits.get(60, TimeUnit.SECONDS)).isTrue();
    assertThat(gate.hold()).isNotDone();
    gate.returned();
  }

  @Test
  void theEndIsCompleteWhenWhatWasSubmittedHasReturned() throws Exception {
    gate.submit();
    gate.end("it was ejected");
    var drained = gate.drained();
    assertThat(drained).isNotDone();
    gate.returned();
    assertThat(drained.get(60, TimeUnit.SECONDS)).isNull();
    assertThatThrownBy(gate::submit).isInstanceOf(DeviceException.class);
    assertThat(gate.drained().get(60, TimeUnit.SECONDS)).isNull();
  }

  @Test
  void aRenewalThatNobodyToldOfIsNoticed() throws Exception {
    valid.set(false);
    var waits = waiting();
    valid.set(true);
    assertThat(waits.get(60, TimeUnit.SECONDS)).isNotNull();
  }

  @Test
  void theEndOfTheIncarnationFailsEverybodyWhateverTheLeaseSays() {
    valid.set(false);
    var waits = waiting();
    gate.end("it was ejected");
    await().until(waits::isDone);
    valid.set(true);
    gate.end("another reason");
    assertThatThrownBy(gate::await)
        .isInstanceOfSatisfying(
            DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.CLOSED))
        .hasMessage("the node left the cluster: it was ejected");
    assertThat(waits).isCompletedExceptionally();
  }

  @Test
  void anInterruptIsKeptForLater() throws Exception {
    valid.set(false);
    var interrupted = new CompletableFuture<Boolean>();
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                gate.await();
                interrupted.complete(Thread.currentThread().isInterrupted());
              } catch (DeviceException e) {
                interrupted.completeExceptionally(e);
              }
            });
    thread.interrupt();
    assertThatThrownBy(() -> interrupted.get(200, TimeUnit.MILLISECONDS))
        .isInstanceOf(TimeoutException.class);
    valid.set(true);
    assertThat(interrupted.get(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void writesThatCameBackTooLateAreRemembered() {
    for (int i = 0; i < 200; i++) {
      gate.late("a", SectorRange.ofLength(i, 1));
    }
    assertThat(gate.lateWrites())
        .hasSize(100)
        .startsWith(new LateRange("a", new SectorRange(0, 1)));
  }
}
