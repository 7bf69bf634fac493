package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

/**
 * One life of an array, by a seed: several clients and an operator work, then everything dies at
 * once at some operation of a disk, and what is left on the disks has to keep the promises.
 */
final class CrashRun {
  private static final long DISK_BYTES = (1 << 20) + (1 << 20) + (64 << 10);
  private static final int CHUNK = 4096;
  private static final int CLIENTS = 4;

  /** Sectors around a border between read units, where all clients work. */
  private static final int FIRST = 2048 - 48;

  private static final int COUNT = 96;

  /** How it ends. */
  enum End {
    /** Only the program dies: disks keep what they were given. */
    PROGRAM,
    /** The power goes: disks lose any part of what was not flushed. */
    POWER
  }

  private final long seed;
  private final End end;
  private final BitmapKind kind;
  private final UnaryOperator<BlockDevice> wrapper;
  private final Random random;
  private final List<SimDisk> disks = new ArrayList<>();
  private final SectorOracle oracle;
  private final AtomicInteger operationsLeft = new AtomicInteger(Integer.MAX_VALUE);
  private final CountDownLatch dying = new CountDownLatch(1);
  private final CountDownLatch dead = new CountDownLatch(1);
  private final AtomicReference<Throwable> broken = new AtomicReference<>();
  private volatile boolean stopping;

  /**
   * @param wrapper what the array gets instead of each disk
   */
  CrashRun(long seed, End end, BitmapKind kind, UnaryOperator<BlockDevice> wrapper) {
    this.seed = seed;
    this.end = end;
    this.kind = kind;
    this.wrapper = wrapper;
    this.random = new Random(seed);
    this.oracle = new SectorOracle((int) ((DISK_BYTES - (1 << 20)) / 512));
  }

  /** Throws an error that names the seed unless everything held. */
  void run() {
    try {
      live();
      checkTheDisks();
      checkTheArray();
    } catch (AssertionError | Exception e) {
      throw new AssertionError(
          "seed %d, %s, bitmap %s: %s".formatted(seed, end, kind, e.getMessage()), e);
    }
  }

  private static ArrayOptions options() {
    return ArrayOptions.DEFAULT.withForce(true).withRun(true);
  }

  // ---- life

  private void live() throws Exception {
    int members = 2 + random.nextInt(2);
    for (int i = 0; i < members; i++) {
      disks.add(new SimDisk("disk" + i, DISK_BYTES));
    }
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:crash",
                disks,
                List.of(),
                List.of(),
                kind,
                2,
                kind == BitmapKind.CLUSTERED ? "c" : "",
                kind == BitmapKind.NONE ? 0 : CHUNK,
                0,
                true,
                false),
            Env.system())
        .write();
    disks.forEach(disk -> disk.hook(_ -> countDown()));
    List<SimDisk> handles = List.copyOf(disks);
    Thread death = start(this::die);
    boolean early = random.nextInt(8) == 0; // while it is being assembled
    if (early) {
      operationsLeft.set(1 + random.nextInt(60));
    }
    LocalMirror mirror;
    try {
      mirror =
          LocalMirror.assemble(
              "crash", handles.stream().map(wrapper).toList(), options(), Env.system());
    } catch (IOException e) {
      assertThat(dying.getCount()).as("assembly failed: " + e).isZero();
      death.join();
      return;
    }
    if (!early) {
      operationsLeft.set(1 + random.nextInt(400));
    }
    List<Thread> threads = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      int number = client;
      threads.add(start(() -> client(mirror, number, new Random(seed * 31 + number))));
    }
    threads.add(start(() -> operator(mirror, new Random(seed * 31 + CLIENTS))));
    death.join();
    stopping = true;
    for (Thread thread : threads) {
      thread.join();
    }
    try {
      mirror.close();
    } catch (IOException e) {
      // the disks are dead
    }
    if (broken.get() != null) {
      throw new AssertionError(broken.get());
    }
  }

  private interface Work {
    void run() throws Exception;
  }

  private Thread start(Work work) {
    return Thread.ofPlatform()
        .start(() -> {
          try {
            work.run();
          } catch (IOException e) {
            if (dying.getCount() > 0) {
              broken.compareAndSet(null, e);
              dying.countDown();
            }
          } catch (Throwable e) {
            broken.compareAndSet(null, e);
            dying.countDown();
          }
        });
  }

  /** Before every operation of a disk. From the fatal one on none goes on until all are dead. */
  private void countDown() {
    if (operationsLeft.getAndDecrement() <= 1) {
      dying.countDown();
      boolean interrupted = false;
      while (true) {
        try {
          dead.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void client(LocalMirror mirror, int number, Random random) throws IOException {
    while (!stopping) {
      // a stripe has one sector of each client: neighbours in a chunk are others'
      int first = FIRST + random.nextInt(COUNT / CLIENTS) * CLIENTS;
      switch (random.nextInt(12)) {
        case 0 -> {
          int[] before = oracle.beforeFlush();
          mirror.flush();
          oracle.flushed(before);
        }
        case 1 -> change(mirror, first + number, true, random);
        case 2, 3, 4, 5 -> {
          int count = 1 + random.nextInt(8);
          int[] least = oracle.beforeRead(first, count);
          oracle.sawAll(first, ArrayRig.read(mirror, first * 512L, count * 512), least);
        }
        default -> change(mirror, first + number, false, random);
      }
    }
  }

  private void change(LocalMirror mirror, int sector, boolean zero, Random random)
      throws IOException {
    boolean durable = random.nextInt(6) == 0;
    Set<WriteOption> options = durable ? WriteOption.ONLY_DURABLE : WriteOption.NONE;
    ByteBuffer data = oracle.issue(sector, 1, zero);
    if (!zero) {
      mirror.device().write(sector * 512L, data, options);
    } else if (random.nextBoolean()) {
      mirror.device().writeZeroes(sector * 512L, 512, options);
    } else {
      mirror.device().discard(sector * 512L, 512, options);
    }
    oracle.acknowledge(sector, 1, durable);
  }

  private void operator(LocalMirror mirror, Random random) throws Exception {
    boolean calm = random.nextInt(3) == 0;
    while (!stopping) {
      Thread.sleep(random.nextInt(3));
      int what = random.nextInt(4);
      String disk = "disk" + random.nextInt(disks.size());
      if (what == 0 || calm) {
        mirror.array().clearIdleBits();
      } else {
        failOrReadd(mirror, disk);
      }
    }
  }

  private void failOrReadd(LocalMirror mirror, String disk) throws IOException {
    MemberState state =
        mirror.array().status().members().stream()
            .filter(m -> m.disk().equals(disk))
            .findFirst()
            .orElseThrow()
            .state();
    try {
      if (state instanceof MemberState.Faulty) {
        mirror.array().members().reAdd(disk);
      } else {
        mirror.array().members().fail(disk);
      }
    } catch (ArrayException e) {
      assertThat(dying.getCount() == 0 || e.getMessage().contains("last in-sync"))
          .as(e.getMessage())
          .isTrue();
    }
  }

  // ---- death

  private void die() throws InterruptedException {
    dying.await();
    for (SimDisk disk : disks) {
      if (end == End.POWER) {
        disk.powerCut(random);
      } else {
        disk.programDies(random);
      }
    }
    operationsLeft.set(Integer.MAX_VALUE);
    disks.forEach(disk -> disk.hook(_ -> {}));
    dead.countDown();
    disks.replaceAll(SimDisk::reopen);
  }

  // ---- what is left

  private static AssemblyPlan plan(List<SimDisk> disks) throws IOException {
    List<Candidate> candidates = new ArrayList<>();
    for (SimDisk disk : disks) {
      candidates.add(Candidate.read(disk));
    }
    return AssemblyPlan.of(candidates, true);
  }

  /** Invariant I2, from the disks alone. */
  private void checkTheDisks() throws IOException {
    AssemblyPlan plan = plan(disks);
    if (kind == BitmapKind.NONE) {
      return;
    }
    List<Candidate> inSync =
        plan.placed().stream()
            .filter(AssemblyPlan.Placed::isInSync)
            .map(AssemblyPlan.Placed::candidate)
            .toList();
    for (Candidate one : inSync) {
      for (AssemblyPlan.Placed other : plan.placed()) {
        if (other.isInSync() || mayComeBackByBitmap(other, inSync)) {
          checkDifferencesAreDirty(one, other.candidate(), inSync);
        }
      }
    }
  }

  private static boolean mayComeBackByBitmap(AssemblyPlan.Placed place, List<Candidate> inSync)
      throws IOException {
    long cleared = 0;
    for (Candidate candidate : inSync) {
      cleared = Math.max(cleared, slot(candidate).header().eventsCleared());
    }
    Superblock own = place.candidate().superblock();
    boolean wasInSync =
        own.isActive() && (!own.has(Feature.RECOVERY_OFFSET) || own.has(Feature.RECOVERY_BITMAP));
    return wasInSync && own.events() >= cleared;
  }

  private static SlotImage slot(Candidate candidate) throws IOException {
    assertThat(candidate.metadata().bitmapHeaders().getFirst())
        .isInstanceOf(BitmapHeaderRead.Valid.class);
    return candidate.metadata().readSlot(candidate.device(), 0);
  }

  private static void checkDifferencesAreDirty(
      Candidate one, Candidate other, List<Candidate> inSync) throws IOException {
    byte[] data = ArrayRig.data((SimDisk) one.device());
    byte[] otherData = ArrayRig.data((SimDisk) other.device());
    for (int at = 0; at < data.length; at += CHUNK) {
      int until = Math.min(data.length, at + CHUNK);
      if (Arrays.mismatch(data, at, until, otherData, at, until) < 0) {
        continue;
      }
      for (Candidate holder : inSync) {
        assertThat(slot(holder).isDirty(at / CHUNK))
            .as(
                "%s and %s differ in chunk %d; its bit on %s",
                one.disk(), other.disk(), at / CHUNK, holder.disk())
            .isTrue();
      }
    }
  }

  private void checkTheArray() throws Exception {
    try (LocalMirror mirror = ArrayRig.assemble(options(), disks)) {
      int bytes = oracle.sectors() * 512;
      byte[] data = ArrayRig.read(mirror, 0, bytes);
      if (end == End.POWER) {
        oracle.checkAfterPowerCut(data);
      } else {
        oracle.checkAfterProgramDied(data);
      }
      for (SimDisk disk : disks) {
        if (ArrayRig.state(mirror, disk) instanceof MemberState.Faulty) {
          mirror.array().members().reAdd(disk.name());
        }
      }
      ArrayRig.awaitInSync(mirror);
      byte[] later = ArrayRig.read(mirror, 0, bytes);
      assertThat(Arrays.mismatch(data, later))
          .as("byte that reads differently after resync, in sector of 512")
          .isEqualTo(-1);
      assertThat(mirror.array().status().degraded()).isFalse();
    }
    List<SimDisk> closed = ArrayRig.reopen(disks);
    byte[] first = ArrayRig.data(closed.getFirst());
    for (SimDisk disk : closed) {
      assertThat(Arrays.mismatch(first, ArrayRig.data(disk)))
          .as("byte in which %s differs from the others", disk)
          .isEqualTo(-1);
      assertThat(ArrayRig.superblock(disk).isClean()).isTrue();
    }
  }
}
