package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.MemberLayout.Outcome;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvFileSource;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MemberLayoutTest {
  private static final long MIB = 2048;
  private static final long GIB = 1024 * MIB;
  private static final long TIB = 1024 * GIB;

  private static MemberLayout plan(
      long deviceSectors, long size, BitmapKind kind, int nodes, long chunkBytes) {
    Outcome outcome = MemberLayout.plan(deviceSectors, size, kind, nodes, chunkBytes);
    assertThat(outcome).isInstanceOf(Outcome.Fits.class);
    return ((Outcome.Fits) outcome).layout();
  }

  private static String refusal(
      long deviceSectors, long size, BitmapKind kind, int nodes, long chunkBytes) {
    Outcome outcome = MemberLayout.plan(deviceSectors, size, kind, nodes, chunkBytes);
    assertThat(outcome).isInstanceOf(Outcome.Refused.class);
    return ((Outcome.Refused) outcome).reason();
  }

  @ParameterizedTest
  @CsvSource({
    // device sectors, first data sector: examples of the format document, then those of images
    "629145600, 264192",
    "2097152, 4096",
    "2097151, 2048",
    "65536, 2048",
    "131072, 2048",
    "83886080, 67584",
    "16777216, 18432",
  })
  void theDataBeginsWhereMdadmLetsItBegin(long deviceSectors, long dataOffset) {
    assertThat(MemberLayout.defaultDataOffset(deviceSectors)).isEqualTo(dataOffset);
    assertThat(plan(deviceSectors, 0, BitmapKind.INTERNAL, 0, 0).dataOffset())
        .isEqualTo(dataOffset);
  }

  @ParameterizedTest
  @EnumSource(BitmapKind.class)
  void theLayoutOfTheKernelsImages(BitmapKind kind) {
    MemberLayout layout = plan(65536, 0, kind, 4, 65536);
    assertThat(layout.dataOffset()).isEqualTo(2048);
    assertThat(layout.dataSize()).isEqualTo(63488);
    assertThat(layout.size()).isEqualTo(63488);
    boolean clustered = kind == BitmapKind.CLUSTERED;
    assertThat(layout.bblogOffset()).isEqualTo(clustered ? 0 : 16);
    assertThat(layout.bblogSize()).isEqualTo(clustered ? 0 : 8);
    assertThat(layout.slots()).isEqualTo(clustered ? 4 : kind == BitmapKind.INTERNAL ? 1 : 0);
    assertThat(layout.bitmapArea().map(area -> area.slotOffsetBytes(area.slots() - 1)).orElse(0L))
        .isEqualTo(clustered ? 20480 : kind == BitmapKind.INTERNAL ? 8192 : 0);
  }

  @ParameterizedTest
  @CsvFileSource(resources = "/golden/mdadm-layouts.csv", numLinesToSkip = 2)
  void everyDeviceIsLaidOutAsByMdadm(
      long deviceSectors, long dataOffset, long chunkBytes, int behindBitmap, int withoutBitmap) {
    MemberLayout internal = plan(deviceSectors, 0, BitmapKind.INTERNAL, 0, 0);
    assertThat(internal.dataOffset()).isEqualTo(dataOffset);
    assertThat(internal.bitmapChunkBytes()).isEqualTo(chunkBytes);
    assertThat(internal.bblogOffset()).isEqualTo(behindBitmap);
    MemberLayout none = plan(deviceSectors, 0, BitmapKind.NONE, 0, 0);
    assertThat(none.dataOffset()).isEqualTo(dataOffset);
    assertThat(none.bblogOffset()).isEqualTo(withoutBitmap);
    MemberLayout clustered = plan(deviceSectors, 0, BitmapKind.CLUSTERED, 4, 0);
    assertThat(clustered.dataOffset()).isEqualTo(dataOffset);
    assertThat(clustered.bitmapChunkBytes()).isEqualTo(chunkBytes);
  }

  @ParameterizedTest
  @CsvSource({
    // array sectors, chunk
    "63488, 67108864",
    "4194304, 67108864",
    "34359738368, 67108864",
    "32212254720, 67108864",
    "549755813888, 536870912"
  })
  void theDefaultChunkIsMdadms(long sizeSectors, long chunkBytes) {
    assertThat(MemberLayout.defaultChunkBytes(sizeSectors)).isEqualTo(chunkBytes);
  }

  @Test
  void manySlotsMoveTheDataBackInsteadOfNotFitting() {
    MemberLayout layout = plan(65536, 0, BitmapKind.CLUSTERED, 256, 4096);
    assertThat(layout.dataOffset()).isEqualTo(6144); // the bitmap ends at 2064, claims need 2048
    assertThat(layout.bitmapArea().orElseThrow().range().end())
        .isLessThanOrEqualTo(layout.dataOffset());
  }

  @Test
  void aFineBitmapOfALargeArrayHasRoomAndItsLogBehindIt() {
    MemberLayout layout = plan(15 * TIB, 0, BitmapKind.INTERNAL, 0, 1 << 20);
    assertThat(layout.dataOffset()).isEqualTo(264192);
    assertThat(layout.bblogOffset()).isEqualTo(8 + 1970176 / 512);
    layout = plan(15 * TIB, 0, BitmapKind.INTERNAL, 0, 1 << 16);
    assertThat(layout.bitmapArea().orElseThrow().range().end()).isEqualTo(8 + layout.bblogOffset());
  }

  @Test
  void theSizeIsEvenAndTheRequestedOne() {
    assertThat(plan(65537, 0, BitmapKind.NONE, 0, 0).size()).isEqualTo(63488);
    assertThat(plan(65537, 0, BitmapKind.NONE, 0, 0).dataSize()).isEqualTo(63489);
    assertThat(plan(65536, 4001, BitmapKind.NONE, 0, 0).size()).isEqualTo(4000);
    assertThat(plan(65536, 63488, BitmapKind.NONE, 0, 0).size()).isEqualTo(63488);
  }

  @Test
  void anotherDeviceGetsTheSameLayout() {
    MemberLayout layout = plan(65536, 0, BitmapKind.CLUSTERED, 4, 0);
    assertThat(layout.on(4194304))
        .isInstanceOfSatisfying(
            Outcome.Fits.class,
            fits -> {
              assertThat(fits.layout().dataOffset()).isEqualTo(layout.dataOffset());
              assertThat(fits.layout().dataSize()).isEqualTo(4194304 - 2048);
              assertThat(fits.layout().size()).isEqualTo(layout.size());
            });
    assertThat(layout.on(65536)).isEqualTo(new Outcome.Fits(layout));
    assertThat(layout.on(65535))
        .isEqualTo(
            new Outcome.Refused(
                "too small: the device has 65535 sectors; metadata takes 2048 and data 63488"));
  }

  @Test
  void whatCannotBeLaidOutIsRefusedWithTheReason() {
    assertThat(refusal(0, 0, BitmapKind.NONE, 0, 0)).contains("the device has 0 sectors");
    assertThat(refusal(2048, 0, BitmapKind.INTERNAL, 0, 0)).contains("metadata takes 2048");
    assertThat(refusal(2056, 0, BitmapKind.INTERNAL, 0, 0)).contains("data at least 10");
    assertThat(refusal(65536, 63490, BitmapKind.INTERNAL, 0, 0)).contains("data 63490");
    assertThat(refusal(65536, Long.MAX_VALUE, BitmapKind.INTERNAL, 0, 512 << 3))
        .contains("the device has 65536 sectors");
    assertThat(refusal(65536, -2, BitmapKind.NONE, 0, 0)).contains("a size of -2 sectors");
    assertThat(refusal(65536, 0, BitmapKind.CLUSTERED, 1, 0)).contains("1 nodes: ");
    assertThat(refusal(65536, 0, BitmapKind.CLUSTERED, 257, 0)).contains("257 nodes: ");
    assertThat(refusal(65536, 0, BitmapKind.INTERNAL, 0, 2048)).contains("chunk of 2048 bytes");
    assertThat(refusal(65536, 0, BitmapKind.INTERNAL, 0, 12288)).contains("chunk of 12288 bytes");
    assertThat(refusal(65536, 0, BitmapKind.INTERNAL, 0, 1L << 32)).contains("a power of two");
    // 256 slots take more than 1 MiB and the device has no more
    assertThat(refusal(4100, 0, BitmapKind.CLUSTERED, 256, 0))
        .isEqualTo(
            "too small: the device has 4100 sectors; metadata takes 6144 and data at least 10");
    assertThat(refusal(16 * TIB, 0, BitmapKind.CLUSTERED, 4, 4096))
        .contains("at most 268435456 are: take chunks of at least 65536 bytes");
  }

  @Property(tries = 1000)
  void whateverFitsHasEverythingAtAPlaceOfItsOwn(
      @ForAll @LongRange(max = 16 * TIB) long deviceSectors,
      @ForAll BitmapKind kind,
      @ForAll @IntRange(min = 2, max = 256) int nodes,
      @ForAll @IntRange(min = 11, max = 31) int chunkLog) {
    long chunk = chunkLog == 11 ? 0 : 1L << chunkLog;
    Outcome outcome = MemberLayout.plan(deviceSectors, 0, kind, nodes, chunk);
    if (outcome instanceof Outcome.Fits(MemberLayout layout)) {
      Superblock.Builder s =
          Samples.plain().toBuilder()
              .size(layout.size())
              .dataOffset(layout.dataOffset())
              .dataSize(layout.dataSize())
              .bblogOffset(layout.bblogOffset())
              .bblogSize(layout.bblogSize());
      if (kind != BitmapKind.NONE) {
        s.with(Feature.BITMAP_OFFSET).bitmapOffset(MemberLayout.BITMAP_OFFSET);
        BitmapArea area = layout.bitmapArea().orElseThrow();
        assertThat(area.range().end()).isLessThanOrEqualTo(layout.dataOffset());
        long space = (layout.dataOffset() - 8) * 512 - 4096;
        assertThat(area.slots() * area.geometry().strideBytes()).isLessThanOrEqualTo(space);
        assertThat(kind == BitmapKind.INTERNAL ? 8L + layout.bblogOffset() : area.range().end())
            .isGreaterThanOrEqualTo(area.range().end());
      }
      if (kind != BitmapKind.CLUSTERED) {
        s.with(Feature.BAD_BLOCKS);
      }
      assertThat(SuperblockCodec.decode(SuperblockCodec.encode(s.build()), 8, deviceSectors))
          .isEqualTo(new SuperblockRead.Valid(s.build()));
    }
  }
}
