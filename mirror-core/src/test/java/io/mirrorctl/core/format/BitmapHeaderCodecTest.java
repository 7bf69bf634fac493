package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BitmapHeaderCodecTest {

  private static ByteBuffer golden(String name) {
    return GoldenVector.read(name, BitmapHeaderCodec.BYTES).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void aClusteredHeaderIsReadAndWrittenAsWrittenDownByHand() {
    var header =
        BitmapHeader.builder()
            .version(5)
            .uuid(UUID.fromString("447f425b-21f8-c7b7-7413-fd5d9af5dfdb"))
            .events(20)
            .eventsCleared(21)
            .syncSize(63488)
            .state(BitmapHeader.STATE_STALE)
            .chunksize(1L << 31)
            .daemonSleep(7)
            .writeBehind(16383)
            .sectorsReserved(24)
            .nodes(4)
            .clusterName("example")
            .build();
    assertThat(BitmapHeaderCodec.decode(golden("bitmap-clustered")))
        .isEqualTo(new BitmapHeaderRead.Valid(header));
    assertThat(BitmapHeaderCodec.encode(header)).isEqualTo(golden("bitmap-clustered"));
    assertThat(header.isStale()).isTrue();
    assertThat(header.slots()).isEqualTo(4);
  }

  @Test
  void anInternalHeaderIsReadAndWrittenAsWrittenDownByHand() {
    var header =
        BitmapHeader.builder()
            .uuid(UUID.fromString("0f5dfaf2-9029-438f-6e69-0d9de55094c5"))
            .events(18)
            .eventsCleared(17)
            .syncSize(63488)
            .chunksize(65536)
            .build();
    assertThat(BitmapHeaderCodec.decode(golden("bitmap-internal")))
        .isEqualTo(new BitmapHeaderRead.Valid(header));
    assertThat(BitmapHeaderCodec.encode(header)).isEqualTo(golden("bitmap-internal"));
    assertThat(header.isStale()).isFalse();
    assertThat(header.slots()).isEqualTo(1);
  }

  @Test
  void aHeaderIsWrittenOverTheStartOfAPageAndTouchesNothingElse() {
    byte[] page = new byte[1000];
    Arrays.fill(page, (byte) 0x5A);
    ByteBuffer buffer = ByteBuffer.wrap(page).position(100);
    BitmapHeaderCodec.encodeInto(buffer, Samples.clusteredHeader(4));
    assertThat(buffer.position()).isEqualTo(100);
    assertThat(BitmapHeaderCodec.decode(buffer))
        .isEqualTo(new BitmapHeaderRead.Valid(Samples.clusteredHeader(4)));
    assertThat(page[99]).isEqualTo((byte) 0x5A);
    assertThat(page[356]).isEqualTo((byte) 0x5A);
  }

  @Test
  void zeroesAreNoHeaderAndAreNoDamage() {
    assertThat(BitmapHeaderCodec.decode(ByteBuffer.allocate(256)))
        .isEqualTo(new BitmapHeaderRead.Absent());
  }

  @ParameterizedTest
  @CsvSource({
    // offset, bytes, value, field
    "0, 4, 0, magic",
    "0, 4, 0x6D746963, magic",
    "4, 4, 0, version",
    "4, 4, 2, version",
    "4, 4, 7, version",
    "4, 4, -1, version",
    "24, 8, -1, events",
    "32, 8, -1, events_cleared",
    "40, 8, 0, sync_size",
    "40, 8, -1, sync_size",
    "52, 4, 0, chunksize",
    "52, 4, 256, chunksize",
    "52, 4, 65537, chunksize",
    "52, 4, -1, chunksize",
    "56, 4, 0, daemon_sleep",
    "56, 4, -1, daemon_sleep",
    "60, 4, 16384, write_behind",
    "60, 4, -1, write_behind",
    "68, 4, 0, nodes",
    "68, 4, 1, nodes",
    "68, 4, -1, nodes",
    "4, 4, 4, nodes"
  })
  void aValueThatCannotBeRightIsNamed(int offset, int bytes, String value, String field) {
    ByteBuffer b = BitmapHeaderCodec.encode(Samples.clusteredHeader(4));
    if (bytes == 4) {
      b.putInt(offset, Integer.decode(value));
    } else {
      b.putLong(offset, Long.decode(value));
    }
    assertThat(BitmapHeaderCodec.decode(b))
        .isInstanceOfSatisfying(
            BitmapHeaderRead.Corrupt.class, c -> assertThat(c.field()).isEqualTo(field));
  }

  @ParameterizedTest
  @CsvSource({
    "4, 3, byte order of the host",
    "4, 6, lockless",
    "48, 1, state 0x1",
    "48, 0x8000, state 0x8000",
    "68, 257, 257 nodes",
    "136, 1, padding",
    "252, 1, padding"
  })
  void aHeaderOfAnotherKindCanBeShown(int offset, String value, String reason) {
    ByteBuffer b = BitmapHeaderCodec.encode(Samples.clusteredHeader(4));
    b.putInt(offset, Integer.decode(value));
    assertThat(BitmapHeaderCodec.decode(b))
        .isInstanceOfSatisfying(
            BitmapHeaderRead.Unsupported.class,
            u -> {
              assertThat(u.reason()).contains(reason);
              assertThat(u.header().clusterName()).isEqualTo("example");
            });
  }

  @Test
  void moreChunksThanAreSupportedAreRefusedWithoutBeingCounted() {
    BitmapHeader header =
        Samples.internalHeader().toBuilder().syncSize(1L << 40).chunksize(512).build();
    assertThat(BitmapHeaderCodec.decode(BitmapHeaderCodec.encode(header)))
        .isInstanceOfSatisfying(
            BitmapHeaderRead.Unsupported.class,
            u -> assertThat(u.reason()).contains("a bitmap of 1099511627776 chunks"));
  }

  @Test
  void aHeaderCutByTheEndOfTheDeviceIsNotRead() {
    ByteBuffer b = BitmapHeaderCodec.encode(Samples.internalHeader()).limit(255);
    assertThat(BitmapHeaderCodec.decode(b))
        .isInstanceOfSatisfying(
            BitmapHeaderRead.Corrupt.class, c -> assertThat(c.field()).isEqualTo("length"));
  }

  @Property(tries = 500)
  void everyValidHeaderIsDecodedAgain(
      @ForAll @LongRange(min = 0) long events,
      @ForAll @LongRange(min = 0) long eventsCleared,
      @ForAll @LongRange(min = 1, max = 1L << 37) long syncSize,
      @ForAll @IntRange(min = 18, max = 31) int chunkLog,
      @ForAll @IntRange(min = 1) int daemonSleep,
      @ForAll @IntRange(max = 16383) int writeBehind,
      @ForAll int sectorsReserved,
      @ForAll @IntRange(min = 2, max = 256) int nodes,
      @ForAll boolean clustered) {
    BitmapHeader header =
        new BitmapHeader(
            clustered ? 5 : 4,
            new UUID(events, eventsCleared),
            events,
            eventsCleared,
            syncSize,
            nodes & 6,
            1L << chunkLog,
            daemonSleep,
            writeBehind,
            sectorsReserved,
            clustered ? nodes : 0,
            clustered ? "c".repeat(nodes % 64) : "");
    assertThat(BitmapHeaderCodec.decode(BitmapHeaderCodec.encode(header)))
        .isEqualTo(new BitmapHeaderRead.Valid(header));
    assertThat(header.toBuilder().build()).isEqualTo(header);
  }

  @Test
  void valuesThatHaveNoPlaceOnDiskAreRefused() {
    var builder = Samples.internalHeader().toBuilder();
    assertThatIllegalArgumentException().isThrownBy(() -> builder.chunksize(1L << 32).build());
    builder.chunksize(4096);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.clusterName("x".repeat(65)).build())
        .withMessageContaining("longer than 64 bytes");
    assertThat(builder.clusterName("x".repeat(64)).build().clusterName()).hasSize(64);
  }
}
