package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;

/**
 * One life of a shared array, by a seed: nodes read and write, members fail and come back, nodes
 * die at any operation and join, and all the time what was acknowledged or read has to be read.
 */
final class SharedRun {
  private static final int CHUNK = 4096;
  private static final int WRITERS = 3;
  private static final int EVENTS = 8;

  /** Sectors around a border between read units, where all work. */
  private static final int FIRST = 2048 - 48;

  private static final int COUNT = 96;

  private final long seed;
  private final Random random;
  private final List<SimDisk> disks;
  private final SectorOracle oracle;
  private final TestCluster cluster;
  private final AtomicReference<Throwable> broken = new AtomicReference<>();
  private final AtomicInteger acknowledged = new AtomicInteger();

  /** Whether members fail in this life, or only nodes: then every read is stable (I10). */
  private final boolean membersFail;

  private final List<String> story = new ArrayList<>();
  private volatile boolean stopping;

  SharedRun(long seed) {
    this.seed = seed;
    this.random = new Random(seed);
    this.membersFail = random.nextInt(3) > 0;
    this.disks = ArrayRig.smallDisks(2 + random.nextInt(2));
    this.oracle = new SectorOracle((int) ((ArrayRig.SMALL_DISK_BYTES - (1 << 20)) / 512));
    this.cluster = new TestCluster(disks);
  }

  /** Throws an error that names the seed unless everything held. */
  void run() {
    try {
      live();
      check();
    } catch (Throwable e) {
      throw new AssertionError("seed %d: %s%n%s".formatted(seed, e.getMessage(), story), e);
    }
  }

  private void live() throws Exception {
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:run",
                disks,
                List.of(),
                List.of(),
                BitmapKind.CLUSTERED,
                TestCluster.SLOTS,
                "c",
                CHUNK,
                0,
                true,
                false),
            Env.system())
        .write();
    cluster.join();
    cluster.join();
    List<Thread> threads = new ArrayList<>();
    for (int writer = 0; writer < WRITERS; writer++) {
      int number = writer;
      threads.add(begin(() -> client(number, new Random(seed * 31 + number))));
    }
    for (int event = 0; event < EVENTS && broken.get() == null; event++) {
      int seen = acknowledged.get();
      int wanted = random.nextInt(20);
      for (int i = 0; i < 50 && acknowledged.get() < seen + wanted && allLive(); i++) {
        Thread.sleep(1);
      }
      buryAll();
      Thread next = begin(this::happen);
      while (!next.join(Duration.ofSeconds(1))) {
        buryAll(); // it may wait for what a dead node holds
      }
    }
    stopping = true;
    for (Thread thread : threads) {
      for (int i = 0; i < 200 && thread.isAlive(); i++) {
        thread.join(100);
        buryAll();
      }
      assertThat(thread.isAlive())
          .as("client hangs at %s", List.of(thread.getStackTrace()))
          .isFalse();
    }
    buryAll();
    if (broken.get() != null) {
      throw new AssertionError(broken.get().getMessage(), broken.get());
    }
  }

  private boolean allLive() {
    return broken.get() == null && cluster.nodes().stream().noneMatch(TestNode::isDead);
  }

  private Thread begin(SharedRig.Work work) {
    return Thread.ofPlatform()
        .daemon()
        .name("client")
        .start(() -> {
          try {
            work.run();
          } catch (Throwable e) {
            broken.compareAndSet(null, e);
          }
        });
  }

  /** Of each stripe one sector is this client's; each request goes to any node. */
  private void client(int number, Random own) throws Exception {
    while (!stopping) {
      List<TestNode> nodes = cluster.nodes();
      if (nodes.isEmpty()) {
        Thread.sleep(1);
        continue;
      }
      TestNode node = nodes.get(own.nextInt(nodes.size()));
      int first = FIRST + own.nextInt(COUNT / WRITERS) * WRITERS;
      if (own.nextInt(3) == 0) {
        read(node, first, 1 + own.nextInt(8));
      } else {
        write(first + number, node, own);
      }
    }
  }

  private void read(TestNode node, int first, int count) throws IOException {
    int[] least = oracle.beforeRead(first, count);
    byte[] data;
    try {
      data = node.read(first * 512L, count * 512);
    } catch (IOException e) {
      assertExcused(node, e);
      return;
    }
    oracle.sawAll(first, data, least);
  }

  /** A client whose node dies sends its write again to another, until it is acknowledged. */
  private void write(int sector, TestNode first, Random own) throws Exception {
    TestNode node = first;
    ByteBuffer data = oracle.issue(sector, 1, false);
    while (true) {
      try {
        node.array().device().write(sector * 512L, data.duplicate(), WriteOption.NONE);
        oracle.acknowledge(sector, 1, false);
        acknowledged.incrementAndGet();
        return;
      } catch (IOException e) {
        assertExcused(node, e);
        if (membersFail) {
          oracle.torn(sector);
        }
      }
      awaitSilence(node);
      if (stopping) {
        return;
      }
      Thread.sleep(1);
      List<TestNode> nodes = cluster.nodes();
      node = nodes.isEmpty() ? node : nodes.get(own.nextInt(nodes.size()));
    }
  }

  private static void assertExcused(TestNode node, IOException e) {
    boolean excused =
        node.isDead() || node.leaving || e.getMessage().contains("out of this node's reach");
    assertThat(excused).as("%s: request failed: %s", node, e).isTrue();
  }

  private static void awaitSilence(TestNode node) {
    if (node.isDead()) {
      Awaitility.await()
          .atMost(Duration.ofSeconds(20))
          .pollInterval(Duration.ofMillis(1))
          .until(() -> node.inFlight.get() == 0);
    }
  }

  // ---- what happens

  private void happen() throws Exception {
    List<TestNode> nodes = cluster.nodes();
    if (nodes.isEmpty()) {
      cluster.join();
      return;
    }
    TestNode node = nodes.get(random.nextInt(nodes.size()));
    int disk = random.nextInt(disks.size());
    int what = random.nextInt(9);
    story.add("%d of %s, disk %d".formatted(what, node, disk));
    switch (what) {
      case 0, 1 -> dieSoon(node);
      case 2 -> joinMore(nodes);
      case 3 -> leave(node, nodes);
      case 4 -> breakDisk(node, disk);
      case 5 -> failOrReAdd(node, disk);
      case 6 -> clearBits(node);
      default -> reAddAll(node);
    }
  }

  /** At one of its next operations, whatever that is. */
  private void dieSoon(TestNode node) {
    AtomicInteger left = new AtomicInteger(1 + random.nextInt(30));
    for (int disk = 0; disk < disks.size(); disk++) {
      node.disk(disk)
          .hook(_ -> {
            if (left.decrementAndGet() == 0) {
              node.die("killed at an operation");
            }
          });
    }
    if (random.nextInt(4) == 0) {
      cluster.steps((sender, _) -> {
        if (sender == node && left.decrementAndGet() <= 0 && !node.isDead()) {
          node.die("killed in a change");
        }
      });
    }
  }

  private void joinMore(List<TestNode> nodes) throws Exception {
    if (nodes.size() < 3) {
      cluster.join();
    }
  }

  private void leave(TestNode node, List<TestNode> nodes) throws IOException {
    if (nodes.size() < 2) {
      return;
    }
    try {
      node.sync().close();
      cluster.leave(node);
    } catch (IOException e) {
      node.die("it could not leave: " + e.getMessage());
    }
    node.die("left");
  }

  private void breakDisk(TestNode node, int disk) {
    if (membersFail) {
      node.disk(disk).breaks(IoFailure.GONE);
    }
  }

  private void failOrReAdd(TestNode node, int disk) throws IOException {
    if (!membersFail || node.state(disk) instanceof MemberState.Faulty) {
      reAddAll(node);
      return;
    }
    try {
      node.fail(disk);
    } catch (ArrayException e) {
      assertThat(e.getMessage()).contains("last in-sync");
    } catch (IOException e) {
      assertExcused(node, e);
    }
  }

  private void reAddAll(TestNode node) throws IOException {
    for (int disk = 0; disk < disks.size(); disk++) {
      for (TestNode each : cluster.nodes()) {
        if (each.disk(disk).heals()) {
          each.array().sync().wake(); // else it rests after a pass that failed
        }
      }
    }
    for (int disk = 0; disk < disks.size(); disk++) {
      try {
        if (!node.isDead() && node.state(disk) instanceof MemberState.Faulty) {
          node.reAdd(disk);
        }
      } catch (IOException e) {
        boolean raced =
            e.getMessage().contains("not faulty") || e.getMessage().contains("meanwhile");
        if (!raced) {
          assertExcused(node, e);
        }
      }
    }
  }

  private static void clearBits(TestNode node) {
    try {
      node.array().clearIdleBits();
    } catch (IOException e) {
      assertExcused(node, e);
    }
  }

  private void buryAll() throws Exception {
    for (TestNode node : cluster.nodes()) {
      if (node.isDead()) {
        cluster.bury(node);
      }
    }
    if (cluster.nodes().isEmpty()) {
      cluster.join();
    }
    cluster.adoptWhatIsLeft();
  }

  // ---- what is left

  private void check() throws Exception {
    cluster.steps((_, _) -> {});
    for (TestNode node : cluster.nodes()) {
      for (int disk = 0; disk < disks.size(); disk++) {
        node.disk(disk).hook(_ -> {});
      }
    }
    awaitWhole();
    if (membersFail) {
      renewAll();
      awaitWhole();
    }
    for (TestNode node : cluster.nodes()) {
      assertThat(node.isDead()).as("%s", node).isFalse();
      oracle.checkAfterProgramDied(node.read(0, oracle.sectors() * 512));
    }
    SharedRig.assertEqual(disks);
    SharedRig.assertClean(cluster, disks);
    for (TestNode node : cluster.nodes()) {
      cluster.leave(node);
    }
    for (SimDisk disk : disks) {
      assertThat(ArrayRig.superblock(disk).isClean()).as("%s is clean", disk).isTrue();
    }
  }

  private void awaitWhole() throws Exception {
    boolean whole = false;
    for (int i = 0; i < 700 && !whole; i++) {
      buryAll();
      reAddAll(cluster.nodes().getFirst());
      Thread.sleep(i / 10);
      whole =
          cluster.nodes().stream()
              .allMatch(node ->
                  !node.isDead() && node.sync().isIdle() && !node.array().status().degraded());
    }
    assertThat(whole).as("copying hangs: %s", describe()).isTrue();
  }

  /** A node whose last member failed a flush clears no bit any more until it joins anew. */
  private void renewAll() throws Exception {
    for (TestNode node : cluster.nodes()) {
      node.sync().close();
      cluster.leave(node);
      cluster.join();
    }
  }

  private String describe() {
    StringBuilder all = new StringBuilder("deaths " + cluster.deaths());
    for (TestNode node : cluster.nodes()) {
      all.append("; ").append(node).append(' ').append(node.array().status());
    }
    return all.toString();
  }
}
