package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.SlotImage.ChunkRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class WriteIntentBitmapTest {
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(31000 * 8L, 4096);

  private final SlotOnDisk disk = new SlotOnDisk(GEOMETRY);
  private final WriteIntentBitmap bitmap = disk.bitmap(GEOMETRY);

  private static SectorRange chunk(long chunk) {
    return SectorRange.ofLength(chunk * 8, 8);
  }

  private static SectorRange chunks(long first, long last) {
    return new SectorRange(first * 8, last * 8 + 8);
  }

  private void write(long chunk) throws IOException {
    bitmap.startWrite(chunk(chunk));
    bitmap.endWrite(chunk(chunk), true);
  }

  @Test
  void bitsOfAllChunksOfAWriteAreOnDiskWhenItStarts() throws IOException {
    bitmap.startWrite(new SectorRange(30719 * 8 + 7, 30720 * 8 + 1));
    assertThat(disk.bit(30718)).isFalse();
    assertThat(disk.bit(30719)).isTrue();
    assertThat(disk.bit(30720)).isTrue();
    assertThat(disk.bit(30721)).isFalse();
    assertThat(disk.log).containsExactly("write 0 1");
    assertThat(bitmap.dirtyChunks()).isEqualTo(2);
  }

  @Test
  void aWriteIntoAChunkWhoseBitIsOnDiskWritesNothing() throws IOException {
    bitmap.startWrite(chunk(5));
    write(5);
    bitmap.endWrite(chunk(5), true);
    write(5);
    bitmap.sweep();
    write(5);
    assertThat(disk.writes).hasValue(1);
  }

  @Test
  void anEmptyRangeIsNoWrite() throws IOException {
    bitmap.startWrite(SectorRange.ofLength(8, 0));
    bitmap.endWrite(SectorRange.ofLength(8, 0), false);
    bitmap.markNeeded(SectorRange.ofLength(8, 0));
    assertThat(bitmap.dirtyChunks()).isZero();
  }

  @Test
  void aRangeBehindTheArrayIsRefused() {
    assertThatThrownBy(() -> bitmap.startWrite(chunks(30999, 31000)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bitmap.markNeeded(chunk(31000)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bitmap.startSync(31000)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThat(bitmap.dirtyChunks()).isZero();
  }

  @Test
  void theSecondSweepAfterTheLastWriteClearsBehindAFlushAndAHeader() throws IOException {
    disk.clearable = OptionalLong.of(17);
    write(30725);
    bitmap.sweep();
    assertThat(disk.bit(30725)).isTrue();
    assertThat(disk.log).containsExactly("write 1");
    bitmap.sweep();
    assertThat(disk.bit(30725)).isFalse();
    assertThat(disk.log).containsExactly("write 1", "flush", "write 0", "write 1");
    assertThat(disk.header().eventsCleared()).isEqualTo(17);
    assertThat(bitmap.header().eventsCleared()).isEqualTo(17);
    assertThat(bitmap.dirtyChunks()).isZero();
  }

  @Test
  void theHeaderIsNotWrittenAgainForTheSameEvents() throws IOException {
    for (int round = 0; round < 2; round++) {
      write(30725);
      bitmap.sweep();
      bitmap.sweep();
    }
    assertThat(disk.log)
        .containsExactly("write 1", "flush", "write 0", "write 1", "write 1", "flush", "write 1");
  }

  @Test
  void anIdleBitmapIsSweptWithoutIo() throws IOException {
    bitmap.sweep();
    bitmap.startWrite(chunk(1));
    disk.log.clear();
    bitmap.sweep();
    bitmap.sweep();
    bitmap.sweep();
    assertThat(disk.log).isEmpty();
    assertThat(disk.bit(1)).isTrue();
    bitmap.endWrite(chunk(1), true);
  }

  @Test
  void aWriteBetweenSweepsStartsTheCountAnew() throws IOException {
    write(5);
    for (int i = 0; i < 5; i++) {
      bitmap.sweep();
      write(5);
    }
    assertThat(disk.log).containsExactly("write 0");
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void nothingIsClearedWhileARoleIsNotInSync() throws IOException {
    disk.clearable = OptionalLong.empty();
    write(5);
    for (int i = 0; i < 5; i++) {
      bitmap.sweep();
    }
    bitmap.flushClean();
    assertThat(disk.bit(5)).isTrue();
    assertThat(disk.log).containsExactly("write 0");
    disk.clearable = OptionalLong.of(3);
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
    assertThat(disk.header().eventsCleared()).isEqualTo(3);
  }

  @Test
  void nothingIsClearedIfTheArrayChangedDuringTheFlush() throws IOException {
    write(5);
    bitmap.sweep();
    disk.duringFlush = () -> disk.clearable = OptionalLong.empty();
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    disk.clearable = OptionalLong.of(1);
    disk.duringFlush = () -> disk.clearable = OptionalLong.of(2);
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    assertThat(bitmap.dirtyChunks()).isEqualTo(1);
    assertThat(disk.header().eventsCleared()).isZero();
    disk.duringFlush = () -> {};
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
    assertThat(disk.header().eventsCleared()).isEqualTo(2);
  }

  @Test
  void nothingIsClearedIfTheArrayChangedWhileTheHeaderWasWritten() throws IOException {
    write(5);
    bitmap.sweep();
    disk.beforeLanding = () -> disk.clearable = OptionalLong.empty();
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    assertThat(bitmap.dirtyChunks()).isEqualTo(1);
  }

  @Test
  void nothingIsClearedIfTheFlushFails() throws IOException {
    write(5);
    bitmap.sweep();
    disk.duringFlush =
        () -> {
          throw new IOException("no flush");
        };
    assertThatThrownBy(bitmap::sweep).hasMessage("no flush");
    assertThat(bitmap.dirtyChunks()).isEqualTo(1);
    disk.duringFlush = () -> {};
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void aWriteThatComesDuringTheFlushKeepsTheBit() throws IOException {
    write(5);
    bitmap.sweep();
    disk.duringFlush = () -> write(5);
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    disk.duringFlush = () -> {};
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void aCopyThatEndsDuringTheFlushKeepsTheBit() throws IOException {
    write(5);
    bitmap.sweep();
    bitmap.markNeeded(chunk(5));
    bitmap.startSync(5);
    write(6);
    bitmap.sweep();
    disk.duringFlush = () -> bitmap.endSync(5, true);
    bitmap.sweep();
    assertThat(disk.bit(5)).isTrue();
    assertThat(disk.bit(6)).isFalse();
  }

  @Test
  void aBitThatIsSetAgainBeforeItsClearedImageGoesOutCostsNoWrite() throws IOException {
    write(5);
    bitmap.sweep();
    bitmap.sweep();
    write(5);
    bitmap.sweep();
    disk.log.clear();
    disk.beforeLanding =
        () -> {
          throw new IOException("no write");
        };
    assertThatThrownBy(bitmap::sweep).hasRootCauseMessage("no write");
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(disk.bit(5)).isTrue();
    disk.beforeLanding = () -> {};
    write(5);
    assertThat(disk.log).containsExactly("flush", "write 0", "write 0");
  }

  @Test
  void aClearedPageThatCouldNotBeWrittenIsWrittenByTheNextSweep() throws IOException {
    write(5);
    bitmap.sweep();
    disk.clearable = OptionalLong.of(0);
    bitmap.updateHeader(h -> h);
    disk.beforeLanding =
        () -> {
          throw new IOException("no write");
        };
    assertThatThrownBy(bitmap::sweep).hasRootCauseMessage("no write");
    assertThat(disk.bit(5)).isTrue();
    disk.beforeLanding = () -> {};
    bitmap.sweep();
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void aWriteThatMissedDataKeepsItsBitUntilTheChunkIsCopied() throws IOException {
    bitmap.startWrite(chunks(5, 6));
    bitmap.endWrite(chunks(5, 6), false);
    bitmap.flushClean();
    bitmap.flushClean();
    assertThat(disk.bit(5)).isTrue();
    assertThat(bitmap.nextNeeded(0)).hasValue(5);
    assertThat(bitmap.neededChunks()).isEqualTo(2);
    assertThat(bitmap.startSync(5)).isTrue();
    assertThat(bitmap.isAnyNeeded(chunk(5))).isTrue();
    assertThat(bitmap.nextNeeded(0)).hasValue(6);
    bitmap.flushClean();
    assertThat(disk.bit(5)).isTrue();
    bitmap.endSync(5, true);
    assertThat(bitmap.isAnyNeeded(chunk(5))).isFalse();
    bitmap.flushClean();
    assertThat(disk.bit(5)).isFalse();
    assertThat(disk.bit(6)).isTrue();
  }

  @Test
  void aFailedCopyLeavesTheChunkNeeded() throws IOException {
    bitmap.markNeeded(chunk(5));
    assertThat(bitmap.startSync(5)).isTrue();
    assertThat(bitmap.startSync(5)).isTrue();
    bitmap.endSync(5, false);
    assertThat(bitmap.nextNeeded(0)).hasValue(5);
  }

  @Test
  void aWriteThatFailsDuringTheCopyLeavesTheChunkNeeded() throws IOException {
    bitmap.markNeeded(chunk(5));
    bitmap.startWrite(chunk(5));
    assertThat(bitmap.startSync(5)).isTrue();
    bitmap.endWrite(chunk(5), false);
    bitmap.endSync(5, true);
    assertThat(bitmap.nextNeeded(0)).hasValue(5);
    bitmap.flushClean();
    assertThat(disk.bit(5)).isTrue();
  }

  @Test
  void aChunkThatNobodyCopiesIsNotStartedAndNotEnded() throws IOException {
    assertThat(bitmap.startSync(5)).isFalse();
    bitmap.endSync(5, false);
    write(6);
    bitmap.endSync(6, false);
    assertThat(bitmap.startSync(6)).isFalse();
    assertThat(bitmap.neededChunks()).isZero();
  }

  @Test
  void markNeededSetsBitsDurably() throws IOException {
    bitmap.markNeeded(chunks(30719, 30720));
    assertThat(disk.bit(30719)).isTrue();
    assertThat(disk.bit(30720)).isTrue();
    assertThat(bitmap.neededChunks()).isEqualTo(2);
    assertThat(bitmap.dirtyRanges()).containsExactly(new ChunkRange(30719, 30720));
  }

  @Test
  void markDirtyNeededTakesEveryChunkWhoseBitIsSet() throws IOException {
    write(3);
    bitmap.sweep();
    write(30999);
    bitmap.startWrite(chunk(2047));
    bitmap.startWrite(chunk(2048));
    bitmap.markDirtyNeeded();
    bitmap.endWrite(chunk(2047), true);
    bitmap.endWrite(chunk(2048), true);
    assertThat(bitmap.neededChunks()).isEqualTo(4);
    bitmap.flushClean();
    assertThat(bitmap.dirtyRanges())
        .containsExactly(
            new ChunkRange(3, 3), new ChunkRange(2047, 2048), new ChunkRange(30999, 30999));
    assertThat(bitmap.dirtyRanges(4, 1)).containsExactly(new ChunkRange(2047, 2048));
    assertThat(bitmap.nextNeeded(2049)).hasValue(30999);
  }

  @Test
  void aLoadedSlotIsDirtyNeededAndAddsToWhatIsThere() throws IOException {
    write(7);
    byte[] other = new byte[(int) GEOMETRY.strideBytes()];
    other[256] = (byte) 0x81;
    other[256 + 30999 / 8] = (byte) 0xff;
    ByteBuffer bits = SlotOnDisk.bitsIn(other, GEOMETRY);
    bitmap.load(bits);
    assertThat(bits.remaining()).isEqualTo((int) GEOMETRY.bitmapBytes());
    assertThat(bitmap.dirtyRanges())
        .containsExactly(new ChunkRange(0, 0), new ChunkRange(7, 7), new ChunkRange(30992, 30999));
    assertThat(bitmap.neededChunks()).isEqualTo(10);
    assertThat(disk.bit(0)).isFalse();
    bitmap.rewriteAll();
    assertThat(disk.bit(0)).isTrue();
    assertThat(disk.bit(30999)).isTrue();
    assertThat(disk.bit(31000)).isFalse();
    assertThat(disk.log).containsExactly("write 0", "write 0 1");
  }

  @Test
  void aWriteIntoALoadedChunkWaitsUntilItsBitIsDurableHere() throws IOException {
    byte[] other = new byte[(int) GEOMETRY.strideBytes()];
    other[256] = 1;
    bitmap.load(SlotOnDisk.bitsIn(other, GEOMETRY));
    write(0);
    assertThat(disk.bit(0)).isTrue();
  }

  @Test
  void bitsOfAnotherGeometryAreRefused() {
    assertThatThrownBy(() -> bitmap.load(ByteBuffer.allocate(17)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aWriteWhoseBitsCannotBeWrittenIsNotCounted() throws IOException {
    disk.beforeLanding =
        () -> {
          throw new DeviceException(IoFailure.NO_SPACE, "sda: full");
        };
    assertThatThrownBy(() -> bitmap.startWrite(chunks(5, 6)))
        .isInstanceOfSatisfying(
            DeviceException.class, e -> assertThat(e.failure()).isEqualTo(IoFailure.NO_SPACE))
        .hasMessageContaining("sda: full");
    assertThatThrownBy(() -> bitmap.endWrite(chunk(5), true)).isInstanceOf(AssertionError.class);
    disk.beforeLanding = () -> {};
    write(6);
    assertThat(disk.bit(5)).isTrue();
    assertThat(disk.bit(6)).isTrue();
    bitmap.flushClean();
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void aStorageThatThrowsAnythingElseFailsTheWriteToo() {
    disk.beforeLanding =
        () -> {
          throw new IllegalStateException("a bug");
        };
    assertThatThrownBy(() -> bitmap.startWrite(chunk(5)))
        .isInstanceOf(IOException.class)
        .hasRootCauseMessage("a bug");
    disk.beforeLanding = () -> {};
    assertThat(disk.bit(5)).isFalse();
  }

  @Test
  void endingAWriteThatNeverStartedIsABug() {
    assertThatThrownBy(() -> bitmap.endWrite(chunk(5), true))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("chunk 5");
  }

  @Test
  void theHeaderIsDurableWhenUpdateReturns() throws IOException {
    bitmap.updateHeader(h -> h.toBuilder().events(9).build());
    assertThat(disk.header().events()).isEqualTo(9);
    assertThat(bitmap.header().events()).isEqualTo(9);
  }

  @Test
  void theHeaderKeepsItsGeometryAndNeverLowersEventsCleared() throws IOException {
    bitmap.updateHeader(h -> h.toBuilder().eventsCleared(9).build());
    assertThatThrownBy(() -> bitmap.updateHeader(h -> h.toBuilder().eventsCleared(8).build()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> bitmap.updateHeader(h -> h.toBuilder().syncSize(8).build()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(bitmap.header().eventsCleared()).isEqualTo(9);
    disk.clearable = OptionalLong.of(4);
    write(1);
    bitmap.flushClean();
    assertThat(disk.bit(1)).isFalse();
    assertThat(disk.header().eventsCleared()).isEqualTo(9);
  }

  @Test
  void flushCleanClearsAllThatIsIdleAtOnce() throws IOException {
    write(1);
    write(30725);
    bitmap.startWrite(chunk(2));
    bitmap.flushClean();
    assertThat(bitmap.dirtyRanges()).containsExactly(new ChunkRange(2, 2));
    assertThat(disk.bit(1)).isFalse();
    assertThat(disk.bit(2)).isTrue();
    assertThat(disk.bit(30725)).isFalse();
    assertThat(disk.log)
        .containsExactly("write 0", "write 1", "write 0", "flush", "write 0", "write 0 1");
  }

  @Test
  void aStorageThatStoresNothingTracksInMemory() throws IOException {
    BitmapStorage none =
        new BitmapStorage() {
          @Override
          public void writePages(java.util.List<BitmapPage> pages) {}

          @Override
          public void flushMembers() {}

          @Override
          public OptionalLong clearableAtEvents() {
            return OptionalLong.of(1);
          }
        };
    var tracking =
        new WriteIntentBitmap(
            GEOMETRY, SlotOnDisk.headerOf(GEOMETRY), none, io.mirrorctl.core.env.Env.system());
    tracking.startWrite(chunk(1));
    tracking.endWrite(chunk(1), false);
    tracking.startWrite(chunk(2));
    tracking.endWrite(chunk(2), true);
    tracking.flushClean();
    assertThat(tracking.dirtyRanges()).containsExactly(new ChunkRange(1, 1));
  }
}
