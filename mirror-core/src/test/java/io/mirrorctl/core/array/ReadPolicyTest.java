package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assemble;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.readerOf;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a read returned is not taken back by a crash (I10), whichever member it was read from. */
class ReadPolicyTest {
  private static final ArrayOptions CLUSTERED =
      ArrayOptions.DEFAULT.withReadPolicy(ReadPolicy.CLUSTERED);
  private static final Executor THREADS = task -> Thread.ofVirtual().start(task);

  private final List<SimDisk> disks = twoDisks();
  private final List<Gate> gates = new ArrayList<>();

  /** With so many units that each disk is surely the one to read some of them from. */
  private static List<SimDisk> twoDisks() {
    return List.of(new SimDisk("disk0", 32 << 20), new SimDisk("disk1", 32 << 20));
  }

  @BeforeEach
  void create() throws IOException {
    ArrayRig.createArray(BitmapKind.INTERNAL, disks);
  }

  @AfterEach
  void open() {
    gates.forEach(Gate::close);
  }

  /** Holds requests of a kind on one disk. */
  private final class Gate implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final AtomicInteger held = new AtomicInteger();

    Gate(SimDisk disk, Predicate<SimOperation> which) {
      gates.add(this);
      disk.hook(operation -> {
        if (which.test(operation)) {
          held.incrementAndGet();
          try {
            closed.await();
          } catch (InterruptedException e) {
            throw new InterruptedIOException();
          }
        }
      });
    }

    void awaitHeld() {
      await().until(() -> held.get() > 0);
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  private static Predicate<SimOperation> at(SimOperation.Kind kind, long onDisk) {
    return operation ->
        operation.kind() == kind && operation.touches(SectorRange.coveringBytes(onDisk, 512));
  }

  /** A place that is read from the second disk while it is settled. */
  private long placeOfSecond(LocalMirror mirror) throws IOException {
    for (long at = 0; at < mirror.sizeBytes(); at += ReadPolicy.UNIT_BYTES) {
      if (readerOf(mirror, disks, at).equals(disks.get(1))) {
        return at;
      }
    }
    throw new AssertionError("no unit is read from the second disk");
  }

  private long onDisk(long place) throws IOException {
    return ArrayRig.superblock(disks.getFirst()).dataOffset() * SectorRange.SECTOR_BYTES + place;
  }

  private static CompletableFuture<Void> writing(LocalMirror mirror, long place, int fill) {
    return CompletableFuture.runAsync(
        () -> {
          try {
            ArrayRig.write(mirror, place, fill, 4096);
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        },
        THREADS);
  }

  private static CompletableFuture<Byte> reading(LocalMirror mirror, long place) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return read(mirror, place, 4096)[0];
          } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
          }
        },
        THREADS);
  }

  @ParameterizedTest
  @EnumSource(names = {"LOCAL", "BALANCED"})
  void whatIsBeingWrittenIsReadFromTheMemberThatAResyncCopiesFrom(ReadPolicy policy)
      throws Exception {
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withReadPolicy(policy), disks);
        AutoCloseable _ = this::open) {
      long place = policy == ReadPolicy.LOCAL ? placeOfSecond(mirror) : 0;
      ArrayRig.write(mirror, place, 1, 4096);
      Gate gate = new Gate(disks.getFirst(), at(SimOperation.Kind.WRITE, onDisk(place)));
      CompletableFuture<Void> write = writing(mirror, place, 2);
      gate.awaitHeld();
      await().until(() -> disks.get(1).peek(onDisk(place), 1)[0] == 2);
      for (int i = 0; i < 4; i++) {
        assertThat(read(mirror, place, 4096)).containsOnly(1);
      }
      gate.close();
      write.join();
      assertThat(read(mirror, place, 4096)).containsOnly(2);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LOCAL"})
  void whatWasReadWhileAWriteBeganIsReadAgain(ReadPolicy policy) throws Exception {
    try (LocalMirror mirror = assemble(ArrayOptions.DEFAULT.withReadPolicy(policy), disks);
        AutoCloseable _ = this::open) {
      long place = placeOfSecond(mirror);
      ArrayRig.write(mirror, place, 1, 4096);
      Gate second = new Gate(disks.get(1), at(SimOperation.Kind.READ, onDisk(place)));
      CompletableFuture<Byte> read = reading(mirror, place);
      second.awaitHeld();
      Gate first = new Gate(disks.getFirst(), at(SimOperation.Kind.WRITE, onDisk(place)));
      CompletableFuture<Void> write = writing(mirror, place, 2);
      first.awaitHeld();
      await().until(() -> disks.get(1).peek(onDisk(place), 1)[0] == 2);
      second.close();
      assertThat(read.join()).as("the second disk has 2 already").isEqualTo((byte) 1);
      first.close();
      write.join();
    }
  }

  @Test
  void aClusteredReadGoesToTheSameMemberWhileABlockIsWrittenAndAfterwards() throws Exception {
    try (LocalMirror mirror = assemble(CLUSTERED, disks);
        AutoCloseable _ = this::open) {
      long place = placeOfSecond(mirror);
      ArrayRig.write(mirror, place, 1, 4096);
      Gate gate = new Gate(disks.getFirst(), at(SimOperation.Kind.WRITE, onDisk(place)));
      CompletableFuture<Void> write = writing(mirror, place, 2);
      gate.awaitHeld();
      await().until(() -> disks.get(1).peek(onDisk(place), 1)[0] == 2);
      assertThat(readerOf(mirror, disks, place)).isEqualTo(disks.get(1));
      gate.close();
      write.join();
      assertThat(readerOf(mirror, disks, place)).isEqualTo(disks.get(1));
    }
  }

  @Test
  void aResyncCopiesEachUnitFromTheMemberThatClusteredReadsGoTo() throws IOException {
    List<SimDisk> unequal = twoDisks();
    ArrayRig.createArray(BitmapKind.INTERNAL, false, unequal, List.of());
    for (int i = 0; i < unequal.size(); i++) {
      SimDisk disk = unequal.get(i);
      disk.corrupt(ArrayRig.dataStart(disk), ArrayRig.bytes(i + 1, ArrayRig.data(disk).length));
    }
    byte[] before;
    try (LocalMirror mirror = assemble(CLUSTERED.withReadOnly(true), unequal)) {
      before = read(mirror, 0, (int) mirror.sizeBytes());
    }
    assertThat(before).as("read from both disks").contains(1, 2);
    List<SimDisk> reopened = ArrayRig.reopen(unequal);
    try (LocalMirror mirror = assemble(CLUSTERED, reopened)) {
      ArrayRig.awaitInSync(mirror);
      ArrayRig.assertEqualData(reopened.getFirst(), reopened.get(1));
      assertThat(Arrays.mismatch(ArrayRig.data(reopened.getFirst()), before))
          .as("first byte that a read returned and the resync took back")
          .isEqualTo(-1);
    }
  }
}
