package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.core.block.SectorRange;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BitmapGeometryTest {
  private static final long TIB_SECTORS = 1L << 31;

  @ParameterizedTest
  @CsvSource({
    // sectors, chunk bytes, chunks, stride
    "30720, 512, 30720, 4096",
    "30721, 512, 30721, 8192",
    "3932159, 65536, 30720, 4096",
    "3932161, 65536, 30721, 8192",
    "1, 2147483648, 1, 4096",
    "628881408, 4194304, 76768, 12288",
    "32212254720, 1048576, 15728640, 1970176",
    "32212254720, 512, 32212254720, 4026535936"
  })
  void chunksAndStrideAreAsOnDisk(long sectors, long chunkBytes, long chunks, long stride) {
    var geometry = new BitmapGeometry(sectors, chunkBytes);
    assertThat(geometry.chunks()).isEqualTo(chunks);
    assertThat(geometry.strideBytes()).isEqualTo(stride);
    assertThat(geometry.pages()).isEqualTo(stride / 4096);
  }

  @Property(tries = 500)
  void everySectorLiesInTheChunkItIsSaidToLieIn(
      @ForAll @LongRange(min = 1, max = 16 * TIB_SECTORS) long sectors,
      @ForAll @IntRange(min = 9, max = 31) int chunkLog,
      @ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long any) {
    var geometry = new BitmapGeometry(sectors, 1L << chunkLog);
    long sector = any % sectors;
    SectorRange one = SectorRange.ofLength(sector, 1);
    long chunk = geometry.firstChunk(one);
    assertThat(geometry.lastChunk(one)).isEqualTo(chunk);
    assertThat(geometry.chunkRange(chunk).contains(one)).isTrue();
    assertThat(geometry.chunkRange(geometry.chunks() - 1).end()).isEqualTo(sectors);
    assertThat(geometry.lastChunk(new SectorRange(sector, sectors)))
        .isEqualTo(geometry.chunks() - 1);
    assertThat(geometry.strideBytes() - 256 - geometry.bitmapBytes()).isBetween(0L, 4095L);
  }

  @Test
  void aRangeTouchesItsFirstAndItsLastChunk() {
    var geometry = new BitmapGeometry(1000, 65536);
    assertThat(geometry.firstChunk(new SectorRange(127, 257))).isZero();
    assertThat(geometry.lastChunk(new SectorRange(127, 256))).isEqualTo(1);
    assertThat(geometry.lastChunk(new SectorRange(127, 257))).isEqualTo(2);
    assertThat(geometry.chunkRange(7)).isEqualTo(new SectorRange(896, 1000));
  }

  @Test
  void theLargestArrayDoesNotOverflow() {
    var geometry = new BitmapGeometry(Long.MAX_VALUE, 512);
    assertThat(geometry.chunks()).isEqualTo(Long.MAX_VALUE);
    assertThat(geometry.strideBytes()).isPositive();
    assertThat(geometry.chunkRange(geometry.chunks() - 1).end()).isEqualTo(Long.MAX_VALUE);
    var large = new BitmapGeometry(Long.MAX_VALUE, 1L << 31);
    assertThat(large.chunkRange(large.chunks() - 1).end()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void tooManyChunksAreNotSupportedAndTheMessageSaysWhatIs() {
    var geometry = new BitmapGeometry(15 * TIB_SECTORS, 512);
    assertThat(geometry.isSupported()).isFalse();
    assertThat(geometry.tooManyChunks())
        .isEqualTo(
            "a bitmap of 32212254720 chunks is not supported, at most 268435456 are: take chunks"
                + " of at least 65536 bytes");
    assertThatIllegalArgumentException()
        .isThrownBy(geometry::requireSupported)
        .withMessage(geometry.tooManyChunks());
    var supported = new BitmapGeometry(15 * TIB_SECTORS, 65536);
    assertThat(supported.isSupported()).isTrue();
    assertThat(supported.requireSupported()).isSameAs(supported);
    assertThat(new BitmapGeometry(15 * TIB_SECTORS, 32768).isSupported()).isFalse();
    assertThat(BitmapGeometry.smallestChunkBytes(1)).isEqualTo(512);
  }

  @Test
  void whatIsNoGeometryIsRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new BitmapGeometry(0, 4096));
    assertThatIllegalArgumentException().isThrownBy(() -> new BitmapGeometry(1, 256));
    assertThatIllegalArgumentException().isThrownBy(() -> new BitmapGeometry(1, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new BitmapGeometry(1, 4097));
    var geometry = new BitmapGeometry(1000, 65536);
    assertThatIllegalArgumentException().isThrownBy(() -> geometry.chunkRange(8));
    assertThatIllegalArgumentException().isThrownBy(() -> geometry.chunkRange(-1));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> geometry.lastChunk(new SectorRange(0, 1001)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> geometry.firstChunk(new SectorRange(5, 5)));
  }

  @Test
  void slotsFollowEachOtherByTheirStride() {
    var area = new BitmapArea(16, new BitmapGeometry(30721, 512), 4);
    assertThat(area.slotOffsetBytes(0)).isEqualTo(8192);
    assertThat(area.slotOffsetBytes(3)).isEqualTo(8192 + 3 * 8192);
    assertThat(area.pageOffsetBytes(1, 1)).isEqualTo(8192 + 8192 + 4096);
    assertThat(area.slotRange(1)).isEqualTo(new SectorRange(32, 48));
    assertThat(area.range()).isEqualTo(new SectorRange(16, 80));
    assertThatIllegalArgumentException().isThrownBy(() -> area.pageOffsetBytes(0, 2));
    assertThatIllegalArgumentException().isThrownBy(() -> area.pageOffsetBytes(0, -1));
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> area.slotOffsetBytes(4));
    assertThatIllegalArgumentException().isThrownBy(() -> new BitmapArea(16, area.geometry(), 0));
  }
}
