package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceAccess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Three nodes that share an array, fio and clients that keep account on all of them, while nodes
 * are killed, put to sleep and restarted: nothing that was acknowledged is lost or taken back
 * through any node, and the members end up equal.
 */
class ClusterStormIT {
  private static final int NODES = 3;
  private static final int LAST = NODES - 1;
  private static final Duration SESSION = Duration.ofSeconds(5);
  private static final long DISK_BYTES = 64 << 20;
  private static final int BLOCKS = 1024;
  private static final long FIO_BYTES = 4 << 20;
  private static final long FIO_START = (long) NODES * BLOCKS * BlockLedger.BLOCK;

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path directory;

  @Test
  void nothingIsLostWhileNodesAreKilledSleepAndComeBack() throws IOException, InterruptedException {
    storm(Duration.ofSeconds(90));
  }

  @Tag("nightly")
  @Test
  void nothingIsLostWhileNodesAreKilledSleepAndComeBackForTenMinutes()
      throws IOException, InterruptedException {
    storm(Duration.ofSeconds(Long.getLong("storm.seconds", 600)));
  }

  private void storm(Duration length) throws IOException, InterruptedException {
    long seed = Long.getLong("storm.seed", System.nanoTime());
    System.out.printf("ClusterStormIT: -Dstorm.seed=%d%n", seed);
    var random = new SplittableRandom(seed);
    List<Path> disks =
        MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
    try (SharedNodes nodes = SharedNodes.start(directory, disks, SESSION, NODES)) {
      try {
        storm(nodes, length, random);
      } catch (AssertionError | RuntimeException e) {
        System.out.println(nodes.logs());
        throw e;
      }
    }
    assertMembersAreEqualAndClean(disks);
  }

  private void storm(SharedNodes nodes, Duration length, SplittableRandom random)
      throws IOException, InterruptedException {
    nodes.awaitAll();
    List<LedgerClient> writers = new ArrayList<>();
    List<StormClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < NODES; i++) {
        var ledger = new BlockLedger(i, NODES, BLOCKS);
        writers.add(new LedgerClient(nodes, "ledger" + i, ledger, random.split()));
        clients.add(
            new FioClient(
                nodes,
                "fio" + i,
                directory.resolve("fio%d.log".formatted(i)),
                FIO_START + i * FIO_BYTES,
                FIO_BYTES,
                random.split()));
      }
      clients.addAll(writers);
      var reader = new StormReader(nodes, writers, random.split());
      strike(nodes, length, random, clients, reader);
      nodes.awaitAll();
      nodes.node(LAST).kill(); // for good: nobody but the others can put its slot right
      Awaitility.await().atMost(Duration.ofSeconds(90)).until(() -> nodes.sharesWith(0, LAST));
      for (StormClient client : clients) {
        client.stop();
      }
      reader.stop();
      nodes.awaitInSync(0);
      assertAllIsThere(clients);
    } finally {
      for (StormClient client : clients) {
        client.close();
      }
    }
    endCleanly(nodes);
  }

  private static void strike(
      SharedNodes nodes,
      Duration length,
      SplittableRandom random,
      List<StormClient> clients,
      StormReader reader)
      throws InterruptedException {
    var trouble = new NodeTrouble(nodes, SESSION, random.split());
    long end = System.nanoTime() + length.toNanos();
    while (System.nanoTime() < end) {
      Thread.sleep(random.nextInt(3000));
      trouble.strike();
      if (random.nextInt(3) > 0) {
        nodes.awaitAll();
      }
      clients.forEach(StormClient::assertWell);
      reader.assertWell();
    }
    System.out.printf("ClusterStormIT: %s%n", trouble);
  }

  private static void assertAllIsThere(List<StormClient> clients)
      throws IOException, InterruptedException {
    for (StormClient client : clients) {
      System.out.printf("ClusterStormIT: %s%n", client.account());
      for (int node = 0; node < LAST; node++) {
        client.check(node);
      }
      assertThat(client.checks()).as(client.account()).isPositive();
    }
  }

  private static void endCleanly(SharedNodes nodes) {
    for (int node = 0; node < LAST; node++) {
      assertThat(nodes.node(node).terminate()).as(nodes.node(node).log()).isZero();
    }
  }

  private static void assertMembersAreEqualAndClean(List<Path> disks) throws IOException {
    mirrorctl("compare", disks.get(0), disks.get(1)).run();
    ArrayOnDisks.onFiles(
        disks,
        new DeviceAccess.ReadOnly(),
        devices -> {
          MemberAudit audit = MemberAudit.of(devices);
          assertThat(audit.differences()).as("sectors that differ").isEmpty();
          for (int member = 0; member < devices.size(); member++) {
            assertThat(audit.dirtyChunks(member)).as("bits left, over all slots").isZero();
          }
        });
  }
}
