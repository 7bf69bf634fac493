package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableIntArray;
import com.sun.management.ThreadMXBean;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Members whose metadata was changed at random: whatever is found ends in a value, soon and with
 * little memory. A failure names seed and number, and {@code -Dfuzz.seed=S -Dfuzz.number=N} runs
 * that one alone.
 */
class MetadataFuzzTest {
  /** Reading all headers of the most slots there may be stays below it. */
  private static final long MOST_ALLOCATED = 1 << 20;

  /** The most bytes of bits that are read in one image: the rest is like them. */
  private static final long MOST_BITS = 1 << 16;

  private static final BufferPoolMXBean DIRECT_MEMORY =
      ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
          .filter(pool -> pool.getName().equals("direct"))
          .findFirst()
          .orElseThrow();

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final TreeMap<String, Integer> outcomes = new TreeMap<>();

  private static List<MutatedMember.Original> originals() {
    var originals = new ArrayList<MutatedMember.Original>();
    for (KernelFixture fixture : KernelFixture.all()) {
      byte[] image = fixture.image(0);
      originals.add(
          new MutatedMember.Original(ByteBuffer.wrap(Arrays.copyOf(image, 32768)), image.length));
    }
    BadBlockLog bad =
        BadBlockLog.of(List.of(new SectorRange(3000, 3008), new SectorRange(9000, 9999)));
    Superblock internal = Samples.withBadBlockLog(Samples.internal());
    Superblock plain = Samples.withBadBlockLog(Samples.plain());
    Superblock odd =
        Samples.clustered().toBuilder()
            .with(Feature.RECOVERY_OFFSET)
            .recoveryOffset(4096)
            .devRoles(ImmutableIntArray.of(0, 1, 0xFFFF))
            .build();
    Superblock full = plain.toBuilder().devRoles(ImmutableIntArray.copyOf(new int[1920])).build();
    for (Samples.Head head :
        List.of(
            Samples.head().put(internal, Samples.internalHeader()).put(internal, bad),
            Samples.head().put(plain, bad),
            Samples.head().put(full),
            Samples.head().put(odd, Samples.clusteredHeader(5)),
            Samples.head().put(plain.toBuilder().superOffset(0).build()))) {
      originals.add(
          new MutatedMember.Original(
              ByteBuffer.wrap(Arrays.copyOf(head.bytes(), 32768)),
              Samples.DEVICE_SECTORS * SectorRange.SECTOR_BYTES));
    }
    return originals;
  }

  @Test
  @Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void twentyThousandMutatedMembersEndInAValue() {
    run(20_000);
  }

  @Test
  @Tag("nightly")
  @Timeout(value = 60, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void aMillionMutatedMembersEndInAValue() {
    run(1_200_000);
  }

  private void run(int count) {
    var originals = originals();
    long seed = Long.getLong("fuzz.seed", 20261120L + count);
    long first = Long.getLong("fuzz.number", 0);
    long end = Long.getLong("fuzz.number") == null ? count : first + 1;
    long most = 0;
    for (long number = first; number < end; number++) {
      try {
        most = Math.max(most, examine(new MutatedMember(originals, seed, number).device()));
      } catch (IOException | RuntimeException | AssertionError e) {
        throw new AssertionError(
            "member -Dfuzz.seed=%s -Dfuzz.number=%s".formatted(seed, number), e);
      }
    }
    System.getLogger(MetadataFuzzTest.class.getName())
        .log(
            System.Logger.Level.INFO,
            "{0} members, seed {1}, at most {2} bytes allocated: {3}",
            end - first,
            Long.toString(seed),
            most,
            outcomes);
    if (end - first == count) {
      // each kind of outcome was met often, so the mutations get past the first check
      assertThat(outcomes.values()).as("%s", outcomes).allMatch(n -> n >= count / 1000);
      assertThat(outcomes).hasSizeGreaterThanOrEqualTo(11);
    }
  }

  /** Uses all there is to use, and returns what reading the metadata allocated. */
  private long examine(MemoryImage device) throws IOException {
    long directBefore = DIRECT_MEMORY.getMemoryUsed();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    MemberMetadata metadata = MemberMetadata.read(device);
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    // the collector may free some meanwhile, so this does not see all, but over many it does
    assertThat(DIRECT_MEMORY.getMemoryUsed() - directBefore).isLessThan(MOST_ALLOCATED);
    assertThat(allocated).isLessThan(MOST_ALLOCATED);
    assertThat(device.bytesRead()).isLessThan(64 << 20);
    count(metadata.superblock());
    metadata.superblock().examinable().ifPresent(MetadataFuzzTest::use);
    if (metadata.superblock() instanceof SuperblockRead.Valid(Superblock s)) {
      assertInside(s, metadata);
    }
    assertThat(metadata.bitmapHeaders()).hasSizeLessThanOrEqualTo(BitmapHeaderCodec.MAX_NODES);
    long bits = 0;
    for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
      BitmapHeaderRead read = metadata.bitmapHeaders().get(slot);
      count(read);
      if (read instanceof BitmapHeaderRead.Valid(BitmapHeader header)) {
        assertThat(BitmapHeaderCodec.decode(BitmapHeaderCodec.encode(header))).isEqualTo(read);
        bits += header.geometry().bitmapBytes();
        if (metadata.bitmapArea().isPresent() && bits <= MOST_BITS) {
          readBits(metadata, device, slot);
        }
      }
    }
    count(metadata.badBlockLog());
    if (metadata.badBlockLog() instanceof BadBlockLogRead.Valid(BadBlockLog log)) {
      for (SectorRange range : log.ranges()) {
        assertThat(range.end()).isLessThanOrEqualTo(metadata.deviceSectors());
      }
    }
    assertThat(ForeignData.find(device).orElse("something")).isNotEmpty();
    assertThat(metadata.toString()).isNotEmpty();
    return allocated;
  }

  private static void readBits(MemberMetadata metadata, MemoryImage device, int slot)
      throws IOException {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    SlotImage image = metadata.readSlot(device, slot);
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    assertThat(allocated).isLessThan(image.geometry().bitmapBytes() + (1 << 16));
    long dirty = 0;
    for (SlotImage.ChunkRange range : image.dirtyRanges()) {
      dirty += range.last() - range.first() + 1;
    }
    assertThat(dirty).isEqualTo(image.dirtyChunks());
  }

  private static void use(Superblock s) {
    assertThat(s.ctimeInstant()).isNotNull();
    assertThat(s.utimeInstant()).isNotNull();
    assertThat(s.role()).isBetween(0, 0xFFFF);
    assertThat(s.toBuilder().build()).isEqualTo(s);
    ByteBuffer encoded = SuperblockCodec.encode(s);
    assertThat(SuperblockCodec.decode(encoded, s.superOffset(), Long.MAX_VALUE).examinable())
        .contains(s);
  }

  /** What an engine relies on once a superblock counts as valid. */
  private static void assertInside(Superblock s, MemberMetadata metadata) {
    assertThat(s.size()).isBetween(1L, s.dataSize());
    assertThat(s.dataOffset() + s.dataSize()).isBetween(1L, metadata.deviceSectors());
    assertThat(s.dataOffset()).isGreaterThanOrEqualTo(9);
    metadata
        .bitmapArea()
        .ifPresent(area -> {
          assertThat(area.startSector()).isGreaterThanOrEqualTo(16);
          assertThat(area.range().end()).isLessThanOrEqualTo(s.dataOffset());
        });
    metadata
        .badBlockArea()
        .ifPresent(area -> {
          assertThat(area.start()).isGreaterThanOrEqualTo(16);
          assertThat(area.end()).isLessThanOrEqualTo(s.dataOffset());
        });
  }

  /** An outcome is one of the records nested in the interface that its reader returns. */
  private void count(Object outcome) {
    Class<?> type = outcome.getClass();
    outcomes.merge(
        type.getEnclosingClass().getSimpleName() + "." + type.getSimpleName(), 1, Integer::sum);
  }
}
