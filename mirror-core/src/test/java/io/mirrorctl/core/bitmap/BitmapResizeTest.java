package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.SlotImage.ChunkRange;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class BitmapResizeTest {
  private static final BitmapGeometry SMALL = new BitmapGeometry(100 * 8L + 3, 4096);
  private static final BitmapGeometry LARGE = new BitmapGeometry(31000 * 8L, 4096);

  private final SlotOnDisk disk = new SlotOnDisk(LARGE);

  private static SectorRange chunk(long chunk) {
    return SectorRange.ofLength(chunk * 8, 8);
  }

  @Test
  void growingKeepsBitsAndNeedsNewChunksAndTheOneThatWasCutShort() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(SMALL);
    bitmap.startWrite(chunk(7));
    bitmap.resize(LARGE);
    assertThat(bitmap.geometry()).isEqualTo(LARGE);
    assertThat(disk.header().syncSize()).isEqualTo(LARGE.syncSizeSectors());
    assertThat(bitmap.dirtyRanges())
        .containsExactly(new ChunkRange(7, 7), new ChunkRange(100, 30999));
    assertThat(bitmap.neededChunks()).isEqualTo(30900);
    assertThat(disk.bit(7)).isTrue();
    assertThat(disk.bit(99)).isFalse();
    assertThat(disk.bit(100)).isTrue();
    assertThat(disk.bit(30999)).isTrue();
    bitmap.endWrite(chunk(7), true);
    bitmap.flushClean();
    assertThat(disk.bit(7)).isFalse();
    assertThat(bitmap.dirtyChunks()).isEqualTo(30900);
  }

  @Test
  void theHeaderTellsTheNewSizeOnlyWhenAllNewBitsAreDurable() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(SMALL);
    bitmap.rewriteAll();
    disk.beforeLanding =
        () -> {
          if (disk.header().syncSize() == SMALL.syncSizeSectors() && disk.bit(30999)) {
            throw new IOException("stop here");
          }
        };
    assertThatThrownBy(() -> bitmap.resize(LARGE)).hasRootCauseMessage("stop here");
    assertThat(disk.header().syncSize()).isEqualTo(SMALL.syncSizeSectors());
    disk.beforeLanding = () -> {};
    bitmap.resize(LARGE);
    assertThat(disk.header().syncSize()).isEqualTo(LARGE.syncSizeSectors());
    assertThat(bitmap.neededChunks()).isEqualTo(30900);
  }

  @Test
  void aResizeThatFailedAtItsFirstWriteMayBeRepeated() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(SMALL);
    bitmap.rewriteAll();
    disk.beforeLanding =
        () -> {
          throw new IOException("stop here");
        };
    assertThatThrownBy(() -> bitmap.resize(LARGE)).hasRootCauseMessage("stop here");
    disk.beforeLanding = () -> {};
    bitmap.resize(LARGE);
    assertThat(bitmap.neededChunks()).isEqualTo(30900);
    assertThat(disk.bit(100)).isTrue();
    assertThat(disk.bit(30999)).isTrue();
  }

  @Test
  void aResizeThatFailedMayBeTakenBack() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(SMALL);
    bitmap.rewriteAll();
    bitmap.startWrite(chunk(3));
    disk.beforeLanding =
        () -> {
          throw new IOException("stop here");
        };
    assertThatThrownBy(() -> bitmap.resize(LARGE)).hasRootCauseMessage("stop here");
    disk.beforeLanding = () -> {};
    bitmap.resize(SMALL);
    assertThat(disk.header().syncSize()).isEqualTo(SMALL.syncSizeSectors());
    assertThat(disk.bit(3)).isTrue();
    assertThat(disk.bit(101)).isFalse();
  }

  @Test
  void shrinkingForgetsWhatLiesBehindAndGrowingAgainNeedsIt() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(LARGE);
    for (long chunk : new long[] {5, 99, 101, 2050, 30900}) {
      bitmap.startWrite(chunk(chunk));
      bitmap.endWrite(chunk(chunk), false);
    }
    bitmap.resize(SMALL);
    assertThat(bitmap.dirtyRanges()).containsExactly(new ChunkRange(5, 5), new ChunkRange(99, 99));
    assertThat(bitmap.neededChunks()).isEqualTo(2);
    assertThat(disk.header().syncSize()).isEqualTo(SMALL.syncSizeSectors());
    assertThat(disk.bit(101)).isFalse();
    bitmap.startSync(5);
    bitmap.endSync(5, true);
    bitmap.resize(LARGE);
    assertThat(bitmap.dirtyRanges())
        .containsExactly(new ChunkRange(5, 5), new ChunkRange(99, 30999));
    bitmap.startWrite(chunk(30900));
    bitmap.endWrite(chunk(30900), true);
  }

  @Test
  void bitsBehindTheNewEndAreZeroOnDisk() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(LARGE);
    bitmap.markNeeded(chunk(30790));
    bitmap.markNeeded(chunk(30900));
    bitmap.resize(new BitmapGeometry(30800 * 8L, 4096));
    assertThat(disk.bit(30790)).isTrue();
    assertThat(disk.bit(30900)).isFalse();
  }

  @Test
  void chunksThatAreBeingWrittenDoNotGo() throws IOException {
    WriteIntentBitmap bitmap = disk.bitmap(LARGE);
    bitmap.startWrite(chunk(30900));
    assertThatThrownBy(() -> bitmap.resize(SMALL)).isInstanceOf(IllegalStateException.class);
    assertThat(bitmap.geometry()).isEqualTo(LARGE);
    bitmap.endWrite(chunk(30900), true);
    bitmap.resize(SMALL);
  }

  @Test
  void theChunkCannotChange() {
    WriteIntentBitmap bitmap = disk.bitmap(LARGE);
    assertThatThrownBy(() -> bitmap.resize(new BitmapGeometry(31000 * 8L, 8192)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
