package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionTimeoutException;

/** What tests of shared arrays have in common. */
final class SharedRig {
  static final int CHUNK = (int) ArrayRig.CHUNK;

  private SharedRig() {}

  static List<SimDisk> clustered(int count) throws IOException {
    List<SimDisk> disks = ArrayRig.disks(count);
    ArrayRig.createArray(BitmapKind.CLUSTERED, disks);
    return disks;
  }

  /** Work that may fail. */
  @FunctionalInterface
  interface Work {
    void run() throws Exception;
  }

  static CompletableFuture<Void> start(Work work) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            work.run();
            done.complete(null);
          } catch (Throwable e) {
            done.completeExceptionally(e);
          }
        });
    return done;
  }

  static void finish(CompletableFuture<?> work) {
    try {
      work.orTimeout(20, TimeUnit.SECONDS).join();
    } catch (CompletionException e) {
      throw new AssertionError("the work failed: " + e.getCause(), e.getCause());
    }
  }

  /** How it ended does not matter. */
  static void end(CompletableFuture<?> work) {
    work.handle((_, _) -> "ended").orTimeout(20, TimeUnit.SECONDS).join();
  }

  static void awaitThat(String what, BooleanSupplier condition) {
    Awaitility.await(what)
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(1))
        .until(condition::getAsBoolean);
  }

  /** Gives wrong code the time to go on. */
  static void assertWaits(CompletableFuture<?> work) throws InterruptedException {
    Thread.sleep(30);
    assertThat(work).isNotDone();
  }

  static void awaitInSync(TestNode node) {
    try {
      awaitThat(
          node + " has copied all",
          () -> node.sync().isIdle() && !node.array().status().degraded());
    } catch (ConditionTimeoutException e) {
      throw new AssertionError(node + " has not copied all: " + node.array().status(), e);
    }
  }

  /** Stops the first change of these bytes of the array that a node sends to a disk. */
  static final class Stop {
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);

    Stop(SimDisk disk, NodeDisk way, long offset, long length) throws IOException {
      var there = ArrayRig.onDisk(disk, offset, length);
      way.hook(operation -> {
        if (operation.changes(there)) {
          reached.countDown();
          awaitUninterruptibly(go);
        }
      });
    }

    Stop(NodeDisk way, SimOperation.Kind kind) {
      way.hook(operation -> {
        if (operation.kind() == kind) {
          reached.countDown();
          awaitUninterruptibly(go);
        }
      });
    }

    void awaitReached() throws InterruptedException {
      assertThat(reached.await(20, TimeUnit.SECONDS)).as("the operation began").isTrue();
    }

    void go() {
      go.countDown();
    }
  }

  static void awaitUninterruptibly(CountDownLatch latch) {
    boolean interrupted = false;
    while (true) {
      try {
        latch.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  static byte[] filled(int fill) {
    byte[] data = new byte[CHUNK];
    Arrays.fill(data, (byte) fill);
    return data;
  }

  /** Bits go when all is equal; asks every node to look. */
  static void assertClean(TestCluster cluster, List<SimDisk> disks) throws IOException {
    for (TestNode node : cluster.nodes()) {
      node.array().clearIdleBits();
    }
    for (int disk = 0; disk < disks.size(); disk++) {
      for (int slot = 0; slot < TestCluster.SLOTS; slot++) {
        assertThat(cluster.slot(disk, slot).dirtyRanges())
            .as("bits set in slot %d of disk %d", slot, disk)
            .isEmpty();
      }
    }
  }

  static void assertEqual(List<SimDisk> disks) throws IOException {
    ArrayRig.assertEqualData(
        disks.getFirst(), disks.subList(1, disks.size()).toArray(SimDisk[]::new));
  }
}
