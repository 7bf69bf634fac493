package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What a pass says that it will copy is what it copies. */
class SyncAheadTest {
  private final long seed = System.nanoTime();
  private final SplittableRandom random = new SplittableRandom(seed);

  @Test
  void aPassSeesAheadWhatItWillCopyAndNothingElse() throws Exception {
    for (int life = 0; life < 60; life++) {
      boolean filling = random.nextBoolean();
      int chunk = 4096 << (4 * random.nextInt(3));
      List<SimDisk> disks = ArrayRig.smallDisks(3);
      create(disks, chunk);
      try (MirrorArray array =
          MirrorArray.assemble(
              "test", disks, ArrayOptions.DEFAULT, ClusterPort.singleNode(), Env.system())) {
        if (filling) {
          fillSome(array, disks);
        }
        needSome(array);
        compare(array);
      }
    }
  }

  private static void create(List<SimDisk> disks, int chunk) throws IOException {
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:test",
                disks.subList(0, 2),
                disks.subList(2, 3),
                List.of(),
                BitmapKind.INTERNAL,
                0,
                "",
                chunk,
                0,
                true,
                false),
            Env.system())
        .write();
  }

  /** A spare takes a place, and is filled up to somewhere. */
  private void fillSome(MirrorArray array, List<SimDisk> disks) throws IOException {
    array.members().fail(disks.get(1).name());
    SyncWork.Pass pass = array.sync().begin().orElseThrow();
    long end = 0;
    Optional<SectorRange> next = pass.next(0);
    for (int n = random.nextInt(4); n > 0 && next.isPresent(); n--) {
      assertThat(pass.copy(next.get())).isTrue();
      end = next.get().end();
      next = pass.next(end);
    }
    if (end > 0 && !pass.isAtEnd(end)) {
      pass.checkpoint(end);
    }
    pass.abort();
  }

  private void needSome(MirrorArray array) throws IOException {
    long size = array.memberSet().sizeSectors();
    for (int n = random.nextInt(12); n > 0; n--) {
      long start = random.nextLong(size);
      array
          .bitmap()
          .markNeeded(new SectorRange(start, Math.min(size, start + 1 + random.nextInt(40))));
    }
  }

  private void compare(MirrorArray array) throws IOException {
    Optional<SyncWork.Pass> begun = array.sync().begin();
    if (begun.isEmpty()) {
      return;
    }
    SyncWork.Pass pass = begun.get();
    BitSet expected = ahead(pass, 0);
    BitSet copied = new BitSet();
    Optional<SectorRange> next = pass.next(0);
    while (next.isPresent()) {
      SectorRange range = next.get();
      copied.set((int) range.start(), (int) range.end());
      assertThat(ahead(pass, range.start()))
          .as("seed %d: at %s", seed, range)
          .isEqualTo(from(expected, range.start()));
      SectorRange first = pass.ahead(range.start(), 1).orElseThrow();
      assertThat(first).as("seed %d: ends where the range does", seed).isEqualTo(range);
      next = pass.next(range.end());
    }
    assertThat(copied).as("seed %d", seed).isEqualTo(expected);
    assertThat(ahead(pass, array.memberSet().sizeSectors())).isEqualTo(new BitSet());
    pass.abort();
  }

  private static BitSet from(BitSet all, long start) {
    BitSet rest = (BitSet) all.clone();
    rest.clear(0, (int) start);
    return rest;
  }

  private BitSet ahead(SyncWork.Pass pass, long from) {
    BitSet ahead = new BitSet();
    long at = from;
    Optional<SectorRange> next = pass.ahead(at, 1 + random.nextInt(3000));
    while (next.isPresent()) {
      assertThat(next.get().start()).as("seed %d", seed).isGreaterThanOrEqualTo(at);
      ahead.set((int) next.get().start(), (int) next.get().end());
      at = next.get().end();
      next = pass.ahead(at, 1 + random.nextInt(3000));
    }
    return ahead;
  }
}
