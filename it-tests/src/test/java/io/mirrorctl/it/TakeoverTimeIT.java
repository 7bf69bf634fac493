package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How long it takes from the SIGKILL of a node until a survivor has made the node's bits its own.
 * The bound is one session timeout, one tick of ZooKeeper and one second.
 */
class TakeoverTimeIT {
  private static final Duration SESSION = Duration.ofSeconds(5);
  private static final Duration BOUND = SESSION.plus(SharedNodes.TICK).plus(Duration.ofSeconds(1));

  @TempDir Path directory;

  @Tag("nightly")
  @Test
  void theBitsOfADeadNodeAreAdoptedWithinItsSessionATickAndASecond()
      throws IOException, InterruptedException {
    int rounds = Integer.getInteger("takeover.rounds", 30);
    var random = new SplittableRandom(7);
    List<Long> adopted = new ArrayList<>();
    List<Long> copied = new ArrayList<>();
    List<Path> disks = ArrayOnDisks.create(directory, 64 << 20, 2, BitmapKind.CLUSTERED, 64 << 10);
    try (SharedNodes nodes = SharedNodes.start(directory, disks, SESSION, 3)) {
      for (int round = 0; round < rounds; round++) {
        nodes.awaitAll();
        int victim = random.nextInt(3);
        int survivor = (victim + 1 + random.nextInt(2)) % 3;
        Thread.sleep(random.nextInt(1000)); // anywhere between two renewals
        write(nodes, victim, random);
        long killed = System.nanoTime();
        nodes.node(victim).kill();
        while (!nodes.sharesWith(survivor, 2)) {
          Thread.sleep(10);
        }
        adopted.add(millisSince(killed));
        nodes.awaitInSync(survivor);
        copied.add(millisSince(killed));
        nodes.node(victim).restart();
      }
      nodes.awaitAll();
      for (int node = 0; node < 3; node++) {
        assertThat(nodes.node(node).terminate()).isZero();
      }
    }
    mirrorctl("compare", disks.get(0), disks.get(1)).run();
    System.out.printf("TakeoverTimeIT: adopted after %s%n", distribution(adopted));
    System.out.printf("TakeoverTimeIT: copied after %s%n", distribution(copied));
    assertThat(adopted).allMatch(millis -> millis <= BOUND.toMillis());
  }

  /** Sets bits in the victim's slot. */
  private static void write(SharedNodes nodes, int node, SplittableRandom random)
      throws IOException {
    byte[] block = new byte[4096];
    try (RawNbd client = nodes.connect(node)) {
      for (int i = 0; i < 50; i++) {
        random.nextBytes(block);
        assertThat(client.write(random.nextLong(client.size() / 4096) * 4096, block, false))
            .isZero();
      }
    }
  }

  private static long millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000;
  }

  private static String distribution(List<Long> millis) {
    List<Long> sorted = new ArrayList<>(millis);
    Collections.sort(sorted);
    return "%d ms at least, %d ms in half, %d ms in nine of ten, %d ms at most, of %d; the bound is %d ms"
        .formatted(
            sorted.getFirst(),
            sorted.get(sorted.size() / 2),
            sorted.get(sorted.size() * 9 / 10),
            sorted.getLast(),
            sorted.size(),
            BOUND.toMillis());
  }
}
