package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LeasedDeviceTest {
  private final SimDisk disk = new SimDisk("disk", 1 << 20);
  private final TestLease lease = new TestLease();
  private final LeasedDevice device = new LeasedDevice(disk, lease);

  /** A lease that is valid, or may come back, or is over for good. */
  private static final class TestLease implements IoLease {
    private enum State {
      VALID,
      LAPSED,
      OVER
    }

    private final List<String> late = new ArrayList<>();
    private State state = State.VALID;
    private int waiting;

    synchronized void state(State next) {
      state = next;
      notifyAll();
    }

    synchronized void awaitWaiting() throws InterruptedException {
      while (waiting == 0) {
        wait();
      }
    }

    @Override
    public synchronized void await() throws DeviceException {
      waiting++;
      notifyAll();
      try {
        while (state == State.LAPSED) {
          wait();
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      } finally {
        waiting--;
      }
      if (state == State.OVER) {
        throw new DeviceException(IoFailure.CLOSED, "the lease is over");
      }
    }

    @Override
    public synchronized void late(String name, SectorRange range) {
      late.add(name + " " + range);
    }

    synchronized List<String> late() {
      return List.copyOf(late);
    }
  }

  private interface Request {
    void on(BlockDevice device) throws IOException;
  }

  private static List<Request> changes() {
    return List.of(
        d -> d.write(512, ByteBuffer.allocate(1024), WriteOption.NONE),
        d -> d.writeZeroes(512, 1024, WriteOption.NONE),
        d -> d.discard(512, 1024, WriteOption.NONE));
  }

  private static List<Request> all() {
    List<Request> all = new ArrayList<>(changes());
    all.add(d -> d.read(0, ByteBuffer.allocate(512)));
    all.add(BlockDevice::flush);
    return all;
  }

  private CompletableFuture<Void> start(Request request) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            request.on(device);
            done.complete(null);
          } catch (Throwable e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  private static void assertClosed(CompletableFuture<Void> request) {
    assertThat(request)
        .failsWithin(20, TimeUnit.SECONDS)
        .withThrowableOfType(ExecutionException.class)
        .havingCause()
        .isInstanceOfSatisfying(
            DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.CLOSED));
  }

  @Test
  void nothingIsSubmittedWhenTheLeaseIsOver() {
    lease.state(TestLease.State.OVER);
    for (Request request : all()) {
      assertThatThrownBy(() -> request.on(device))
          .isInstanceOfSatisfying(
              DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.CLOSED));
    }
    assertThatThrownBy(() -> device.extents(0, 512)).isInstanceOf(DeviceException.class);
    assertThat(disk.log()).isEmpty();
    assertThat(lease.late()).as("nothing was written").isEmpty();
  }

  @Test
  void nothingIsSubmittedWhileTheLeaseMayComeBackAndAllIsThen() throws Exception {
    for (Request request : all()) {
      disk.clearLog();
      lease.state(TestLease.State.LAPSED);
      var held = start(request);
      lease.awaitWaiting();
      Thread.sleep(10);
      assertThat(held).isNotDone();
      assertThat(disk.log()).isEmpty();
      lease.state(TestLease.State.VALID);
      assertThat(held).succeedsWithin(20, TimeUnit.SECONDS);
      assertThat(disk.log()).hasSize(1);
    }
  }

  @Test
  void noResultIsUsedWhenTheLeaseEndedMeanwhileAndLateWritesAreTold() throws Exception {
    int told = 0;
    for (Request request : all()) {
      lease.state(TestLease.State.VALID);
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      disk.hook(_ -> {
        begun.countDown();
        try {
          go.await();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      });
      var inFlight = start(request);
      assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
      lease.state(TestLease.State.OVER);
      go.countDown();
      assertClosed(inFlight);
      told = Math.min(changes().size(), told + 1);
      assertThat(lease.late()).hasSize(told);
    }
    assertThat(lease.late()).containsOnly("disk 1..2");
  }

  @Test
  void aResultWaitsUntilTheLeaseIsBack() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    disk.hook(_ -> {
      begun.countDown();
      try {
        go.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    });
    var read = start(d -> d.read(0, ByteBuffer.allocate(512)));
    assertThat(begun.await(20, TimeUnit.SECONDS)).isTrue();
    lease.state(TestLease.State.LAPSED);
    go.countDown();
    lease.awaitWaiting();
    Thread.sleep(10);
    assertThat(read).isNotDone();
    lease.state(TestLease.State.VALID);
    assertThat(read).succeedsWithin(20, TimeUnit.SECONDS);
  }

  @Test
  void aWriteThatFailedAfterTheLeaseEndedIsToldToo() throws Exception {
    disk.hook(_ -> lease.state(TestLease.State.OVER));
    disk.inject(SimFault.writes(new SectorRange(0, 8), IoFailure.MEDIUM));
    assertClosed(start(changes().getFirst()));
    assertThat(lease.late()).containsExactly("disk 1..2");
  }
}
