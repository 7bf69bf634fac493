package io.mirrorctl.dlm.cluster;

import static io.mirrorctl.dlm.cluster.ClusterRig.PATIENCE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three nodes write all the time, each to blocks of its own, while nodes die, leave and come back
 * and a member is failed and taken back. Whatever was acknowledged is read, same or newer, through
 * any node, and in the end the members are equal.
 */
class SharedArrayStormTest {
  private static final int NODES = 3;
  private static final int BLOCK = 4096;
  private static final int BLOCKS = 64;

  @TempDir private Path directory;

  @Test
  void nothingAcknowledgedIsLost() throws Exception {
    run(Duration.ofSeconds(Long.getLong("mirrorctl.storm.seconds", 15)));
  }

  @Tag("nightly")
  @Test
  void nothingAcknowledgedIsLostForLong() throws Exception {
    run(Duration.ofSeconds(Long.getLong("mirrorctl.storm.seconds", 600)));
  }

  private void run(Duration time) throws Exception {
    long seed = Long.getLong("mirrorctl.storm.seed", System.nanoTime());
    System.out.printf("seed %d%n", seed);
    var random = new SplittableRandom(seed);
    long end = System.nanoTime() + time.toNanos();
    try (var rig = ClusterRig.start(directory, 4);
        ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Writer> writers = new ArrayList<>();
      for (int i = 0; i < NODES; i++) {
        writers.add(new Writer(i, random.split(), rig.node(i + 1)));
      }
      List<CompletableFuture<Void>> running = new ArrayList<>();
      for (Writer writer : writers) {
        running.add(CompletableFuture.runAsync(() -> writer.run(end), threads));
      }
      int rounds = 0;
      while (System.nanoTime() < end) {
        disturb(rig, random, writers);
        rounds++;
      }
      for (CompletableFuture<Void> writer : running) {
        writer.get(120, TimeUnit.SECONDS);
      }
      ClusterRig.Node last = writers.getFirst().node;
      String disk = last.member(1).name();
      if (last.states().get(1).equals("faulty")) {
        last.array().array().members().reAdd(disk);
      }
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(last.states()).as("seed %d", seed).containsExactly("in-sync", "in-sync"));
      for (Writer writer : writers) {
        writer.node.awaitQuiet();
      }
      for (Writer writer : writers) {
        writer.verify(last);
        writer.verify(writers.getLast().node);
      }
      for (int block = 0; block < NODES * BLOCKS; block++) {
        var _ = rig.onMembers((long) block * BLOCK, BLOCK);
      }
      System.out.printf(
          "seed %d: %d rounds, %d writes%n",
          seed, rounds, writers.stream().mapToLong(w -> w.writes.get()).sum());
    }
  }

  private static void disturb(ClusterRig rig, SplittableRandom random, List<Writer> writers)
      throws Exception {
    TimeUnit.MILLISECONDS.sleep(random.nextInt(50, 1000));
    int number = random.nextInt(NODES);
    Writer victim = writers.get(number);
    switch (random.nextInt(4)) {
      case 0 -> {
        victim.node.die();
        TimeUnit.MILLISECONDS.sleep(random.nextInt(1, 3000));
        victim.node = rig.node(number + 1);
      }
      case 1 -> {
        victim.node.leave();
        victim.node = rig.node(number + 1);
      }
      default -> {
        String disk = victim.node.member(1).name();
        try {
          if (victim.node.states().get(1).equals("faulty")) {
            victim.node.array().array().members().reAdd(disk);
          } else {
            victim.node.array().array().members().fail(disk);
          }
        } catch (IOException e) {
          // another node was faster
        }
      }
    }
  }

  /** Writes blocks of its own, and knows what they may hold. */
  private static final class Writer {
    private final int first;
    private final SplittableRandom random;
    private final long[] acknowledged = new long[BLOCKS];
    private final long[] tried = new long[BLOCKS];
    private final AtomicLong writes = new AtomicLong();
    private volatile ClusterRig.Node node;

    Writer(int number, SplittableRandom random, ClusterRig.Node node) {
      this.first = number * BLOCKS;
      this.random = random;
      this.node = node;
    }

    void run(long end) {
      while (System.nanoTime() < end) {
        int block = random.nextInt(BLOCKS);
        ClusterRig.Node through = node;
        try {
          if (random.nextInt(4) == 0) {
            check(through, block);
          } else {
            long value = ++tried[block];
            through.write(offset(block), value, BLOCK);
            acknowledged[block] = value;
            writes.incrementAndGet();
          }
        } catch (IOException e) {
          try {
            TimeUnit.MILLISECONDS.sleep(20); // this node is gone
          } catch (InterruptedException i) {
            Thread.currentThread().interrupt();
          }
        }
      }
    }

    private long offset(int block) {
      return (long) (first + block) * BLOCK;
    }

    private void check(ClusterRig.Node through, int block) throws IOException {
      byte[] data = through.read(offset(block), BLOCK);
      long value = ByteBuffer.wrap(data).getLong();
      assertThat(value).as("block %d", first + block).isBetween(acknowledged[block], tried[block]);
      byte[] whole = new byte[BLOCK];
      ByteBuffer fill = ByteBuffer.wrap(whole);
      while (fill.hasRemaining()) {
        fill.putLong(value);
      }
      assertThat(data).isEqualTo(whole);
    }

    void verify(ClusterRig.Node through) throws IOException {
      for (int block = 0; block < BLOCKS; block++) {
        check(through, block);
      }
    }
  }
}
