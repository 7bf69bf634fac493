package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Servers die at random moments under random requests of several threads. What was answered is read
 * back; if it was not flushed, it may be missing, but only when a loss was reported.
 */
class NbdDeviceCrashTest {
  private static final int BLOCK = 512;
  private static final int WORKERS = 4;
  private static final int BLOCKS_EACH = 24;

  @TempDir Path dir;

  /** Kills a server without mercy, waits a moment, and starts it again. */
  private interface Crash {
    void run(Random random) throws Exception;
  }

  @Test
  void aServerThatLosesItsCacheIsNotTakenForOneThatKeptIt() throws Exception {
    assertThat(overAFakeServer(1, 12)).isPositive();
  }

  @Test
  @Tag("nightly")
  void aServerThatLosesItsCacheAThousandTimesIsNotTakenForOneThatKeptIt() throws Exception {
    assertThat(overAFakeServer(2, 1000)).isPositive();
  }

  private int overAFakeServer(int seed, int rounds) throws Exception {
    try (var server = new FakeServer(dir, new SimDisk("disk", 1 << 20))) {
      server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
      return crashes(
          server.uri(),
          new Random(seed),
          rounds,
          random -> {
            server.powerCut(random);
            Thread.sleep(random.nextInt(30));
            server.start();
          });
    }
  }

  @Test
  void nbdkitMayBeKilledAtAnyMoment() throws Exception {
    overNbdkit(3, 6);
  }

  @Test
  @Tag("nightly")
  void nbdkitMayBeKilledTwoHundredTimes() throws Exception {
    overNbdkit(4, 200);
  }

  private void overNbdkit(int seed, int rounds) throws Exception {
    Path file = dir.resolve("disk");
    try (var disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(1 << 20);
    }
    try (var server = ServerProcess.nbdkit(dir, "file", file.toString())) {
      int _ =
          crashes(
              server.uri(),
              new Random(seed),
              rounds,
              _ -> {
                server.kill();
                server.start();
              });
    }
  }

  /** Returns how many of the crashes were reported as losses. */
  private static int crashes(NbdUri uri, Random random, int rounds, Crash crash) throws Exception {
    int losses = 0;
    int kept = 0;
    NbdClientConfig config = NbdClientConfig.DEFAULT.withConnections(1 + random.nextInt(2));
    try (NbdDevice device = NbdDevice.connect(uri, config, Env.system());
        var threads = Executors.newFixedThreadPool(WORKERS)) {
      List<Worker> workers = new ArrayList<>();
      for (int i = 0; i < WORKERS; i++) {
        workers.add(new Worker(device, i, new Random(random.nextLong())));
      }
      for (int round = 0; round < rounds; round++) {
        boolean durably = round % 3 == 0;
        AtomicBoolean over = new AtomicBoolean();
        List<Future<?>> running = new ArrayList<>();
        for (Worker worker : workers) {
          running.add(threads.submit(() -> worker.run(over, durably)));
        }
        Thread.sleep(5 + random.nextInt(40));
        crash.run(random);
        Thread.sleep(5 + random.nextInt(20));
        over.set(true);
        for (Future<?> worker : running) {
          worker.get();
        }
        boolean loss = device.status().lossUnacknowledged();
        losses += loss ? 1 : 0;
        kept += loss ? 0 : 1;
        assertThat(loss && durably).as("a loss in round %s, where all is durable", round).isFalse();
        device.acknowledgeLoss();
        for (Worker worker : workers) {
          worker.check(loss);
        }
        device.flush();
        workers.forEach(Worker::flushed);
      }
    }
    assertThat(kept).as("crashes without a loss").isPositive();
    return losses;
  }

  /** One thread with blocks of its own and a model of each. */
  private static final class Worker {
    private final NbdDevice device;
    private final long base;
    private final Random random;

    /** What a block was last answered to hold; -1 if that is not known. */
    private final int[] answered = new int[BLOCKS_EACH];

    /** What it may hold if unflushed writes are lost. */
    private final List<Set<Integer>> possible = new ArrayList<>();

    private Worker(NbdDevice device, int number, Random random) {
      this.device = device;
      this.base = (long) number * BLOCKS_EACH;
      this.random = random;
      for (int block = 0; block < BLOCKS_EACH; block++) {
        possible.add(new HashSet<>(Set.of(0)));
      }
    }

    /** Works until the round is over or a loss is reported; then nothing is sure. */
    private Void run(AtomicBoolean over, boolean durably) throws IOException {
      while (!over.get()) {
        int block = random.nextInt(BLOCKS_EACH);
        try {
          switch (random.nextInt(6)) {
            case 0 -> check(block, false);
            case 1 -> {
              device.flush();
              flushed();
            }
            default -> write(block, random.nextInt(128), durably || random.nextInt(4) == 0);
          }
        } catch (DeviceException e) {
          assertThat(e.failure()).isEqualTo(IoFailure.VOLATILE_LOSS);
          return null;
        }
      }
      return null;
    }

    private void write(int block, int value, boolean durably) throws IOException {
      byte[] data = new byte[BLOCK];
      Arrays.fill(data, (byte) value);
      possible.get(block).add(value);
      int before = answered[block];
      answered[block] = -1;
      Set<WriteOption> options = durably ? WriteOption.ONLY_DURABLE : WriteOption.NONE;
      device.write((base + block) * BLOCK, ByteBuffer.wrap(data), options);
      assertThat(before).isNotEqualTo(-1);
      answered[block] = value;
      if (durably) {
        possible.set(block, new HashSet<>(Set.of(value)));
      }
    }

    private void flushed() {
      for (int block = 0; block < BLOCKS_EACH; block++) {
        possible.set(block, new HashSet<>(Set.of(answered[block])));
      }
    }

    /** After a crash. */
    private void check(boolean loss) throws IOException {
      for (int block = 0; block < BLOCKS_EACH; block++) {
        check(block, loss);
      }
    }

    private void check(int block, boolean loss) throws IOException {
      ByteBuffer into = ByteBuffer.allocate(BLOCK);
      device.read((base + block) * BLOCK, into);
      int now = into.get(0);
      for (byte b : into.array()) {
        assertThat(b).isEqualTo((byte) now);
      }
      if (loss) {
        assertThat(possible.get(block)).contains(now);
        answered[block] = now;
      } else {
        assertThat(now).isEqualTo(answered[block]);
      }
    }
  }
}
