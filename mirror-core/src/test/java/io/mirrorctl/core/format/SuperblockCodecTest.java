package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.primitives.ImmutableIntArray;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class SuperblockCodecTest {
  private static final long DEVICE_SECTORS = 65552;

  private static SuperblockRead decode(ByteBuffer block) {
    return SuperblockCodec.decode(block, 8, DEVICE_SECTORS);
  }

  private static ByteBuffer golden(String name) {
    return GoldenVector.read(name, 4096).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static Superblock clustered() {
    return Superblock.builder()
        .featureMap(0x101)
        .setUuid(UUID.fromString("447f425b-21f8-c7b7-7413-fd5d9af5dfdb"))
        .setName("any:vol0")
        .ctime(1795162112L | 123456L << 40)
        .level(1)
        .size(63488)
        .raidDisks(2)
        .bitmapOffset(8)
        .dataOffset(2048)
        .dataSize(63504)
        .superOffset(8)
        .devNumber(1)
        .cntCorrectedRead(7)
        .deviceUuid(UUID.fromString("00010203-0405-0607-0809-0a0b0c0d0e0f"))
        .utime(1795162113)
        .events(19)
        .resyncOffset(Superblock.MAX_SECTOR)
        .devRoles(ImmutableIntArray.of(0, 1, 0xFFFF, 0xFFFE))
        .build();
  }

  private static Superblock everyField() {
    return new Superblock(
        0x80001FFF,
        UUID.fromString("f0e0d0c0-b0a0-9080-7060-504030201001"),
        "ä\uDCFFname-of-32-bytes-long-------!",
        -1L >>> 4,
        5,
        0xF0000002,
        0x8102030405060708L,
        0xF1000001,
        0xF2000003,
        -8,
        0xF3000004,
        0x9112131415161718L,
        -1,
        0xF4000005,
        0xF5000006,
        -7,
        0xA122232425262728L,
        0xB132333435363738L,
        8,
        0xD152535455565758L,
        0xF6000002,
        0xF7000007,
        UUID.fromString("ffeeddcc-bbaa-9988-7766-554433221100"),
        0x83,
        254,
        65533,
        -9,
        0xE162636465666768L,
        0xF172737475767778L,
        0x8182838485868788L,
        ImmutableIntArray.of(32768, 0xFFFD, 0xFF00));
  }

  @Test
  void aClusteredSuperblockIsReadAndWrittenAsWrittenDownByHand() {
    ByteBuffer vector = golden("superblock-clustered");
    assertThat(decode(vector)).isEqualTo(new SuperblockRead.Valid(clustered()));
    assertThat(SuperblockCodec.encode(clustered())).isEqualTo(vector);
  }

  @Test
  void everyFieldIsReadAndWrittenAtItsPlaceWithAllItsBits() {
    ByteBuffer vector = golden("superblock-every-field");
    assertThat(decode(vector))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            read -> assertThat(read.superblock()).isEqualTo(everyField()));
    assertThat(SuperblockCodec.encode(everyField())).isEqualTo(vector);
  }

  @Test
  void theEncodedBlockCanBeWrittenDirectly() {
    ByteBuffer block = SuperblockCodec.encode(clustered());
    assertThat(block.isDirect()).isTrue();
    assertThat(block.alignmentOffset(0, 4096)).isZero();
    assertThat(block.remaining()).isEqualTo(4096);
    assertThat(block.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void theLengthOnDiskGrowsWithTheRoles() {
    assertThat(SuperblockCodec.encodedBytes(clustered())).isEqualTo(264);
    assertThat(SuperblockCodec.writeBytes(clustered(), 512)).isEqualTo(512);
    assertThat(SuperblockCodec.writeBytes(clustered(), 4096)).isEqualTo(4096);
    Superblock large = clustered().toBuilder().devRoles(roles(Superblock.MAX_DEV)).build();
    assertThat(SuperblockCodec.encodedBytes(large)).isEqualTo(4096);
    assertThat(SuperblockCodec.writeBytes(large, 512)).isEqualTo(4096);
  }

  private static ImmutableIntArray roles(int count) {
    return ImmutableIntArray.copyOf(new int[count]);
  }

  @Test
  void theLargestSuperblockIsReadBack() {
    Superblock large = clustered().toBuilder().devRoles(roles(Superblock.MAX_DEV)).build();
    assertThat(decode(SuperblockCodec.encode(large))).isEqualTo(new SuperblockRead.Valid(large));
  }

  @Test
  void positionAndLimitOfTheBlockStayAsTheyWere() {
    ByteBuffer block = ByteBuffer.allocate(5000).position(100);
    block.duplicate().put(golden("superblock-clustered"));
    block.limit(4196);
    assertThat(decode(block)).isInstanceOf(SuperblockRead.Valid.class);
    assertThat(block.position()).isEqualTo(100);
    assertThat(block.limit()).isEqualTo(4196);
    assertThat(block.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
  }

  @Test
  void withoutTheMagicThereIsNoSuperblock() {
    assertThat(decode(ByteBuffer.allocate(4096)))
        .isEqualTo(new SuperblockRead.Absent("no md superblock at sector 8"));
    assertThat(decode(ByteBuffer.allocate(100))).isInstanceOf(SuperblockRead.Absent.class);
    assertThat(decode(ByteBuffer.allocate(0))).isInstanceOf(SuperblockRead.Absent.class);
  }

  @Test
  void anotherMajorVersionIsNotRead() {
    ByteBuffer block = golden("superblock-clustered").putInt(SuperblockCodec.AT_MAJOR_VERSION, 2);
    assertThat(decode(block)).isEqualTo(new SuperblockRead.Corrupt("major_version", "1", "2"));
  }

  @Test
  void moreRolesThanThereIsRoomForAreNotRead() {
    ByteBuffer block = golden("superblock-clustered").putInt(SuperblockCodec.AT_MAX_DEV, 1921);
    assertThat(decode(block)).isEqualTo(new SuperblockRead.Corrupt("max_dev", "0..1920", "1921"));
    block.putInt(SuperblockCodec.AT_MAX_DEV, -1);
    assertThat(decode(block))
        .isEqualTo(new SuperblockRead.Corrupt("max_dev", "0..1920", "4294967295"));
  }

  @Test
  void aBlockCutByTheEndOfTheDeviceIsNotReadBehindIt() {
    ByteBuffer block = golden("superblock-clustered").limit(263);
    assertThat(decode(block))
        .isEqualTo(
            new SuperblockRead.Corrupt("max_dev", "room for 4 roles", "the end of the device"));
    assertThat(decode(block.limit(264))).isInstanceOf(SuperblockRead.Valid.class);
  }

  @Test
  void aChangedByteIsFoundByTheChecksum() {
    ByteBuffer vector = golden("superblock-clustered");
    for (int i = 8; i < 264; i++) {
      if (i >= SuperblockCodec.AT_MAX_DEV && i < SuperblockCodec.AT_PAD3) {
        continue;
      }
      ByteBuffer block = ByteBuffer.allocate(4096).put(vector.duplicate()).flip();
      block.put(i, (byte) (block.get(i) ^ 0x10));
      assertThat(decode(block))
          .as("byte %s", i)
          .isInstanceOfSatisfying(
              SuperblockRead.Corrupt.class, c -> assertThat(c.field()).isEqualTo("sb_csum"));
    }
  }

  @Test
  void aSuperblockWithoutRolesNeedsNoMoreThanItsHeader() {
    Superblock s = clustered().toBuilder().devRoles(ImmutableIntArray.of()).build();
    assertThat(decode(SuperblockCodec.encode(s).limit(256))).isEqualTo(new SuperblockRead.Valid(s));
    assertThat(decode(SuperblockCodec.encode(s).limit(255)))
        .isEqualTo(new SuperblockRead.Absent("the device ends 255 bytes behind sector 8"));
  }

  @Test
  void whatLiesBehindTheRolesIsOfNoImportance() {
    ByteBuffer block = golden("superblock-clustered").put(264, (byte) 1).put(4095, (byte) 1);
    assertThat(decode(block)).isInstanceOf(SuperblockRead.Valid.class);
  }

  @Test
  void theCarryOfTheChecksumIsFoldedInOnce() {
    ByteBuffer block = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(SuperblockCodec.checksum(block, 0)).isZero();
    block.putInt(0, 0xFFFFFFFF).putInt(4, 0xFFFFFFFF);
    assertThat(SuperblockCodec.checksum(block, 0)).isEqualTo(0xFFFFFFFFL);
    block.putInt(8, 1);
    // 0x1_FFFF_FFFF: folding gives 0x1_0000_0000, of which the low half stays
    assertThat(SuperblockCodec.checksum(block, 0)).isZero();
    block.putInt(SuperblockCodec.AT_SB_CSUM, 0x12345678);
    assertThat(SuperblockCodec.checksum(block, 0)).isZero();
    block.putShort(256, (short) 0xFFFF).putShort(258, (short) 7);
    assertThat(SuperblockCodec.checksum(block, 1)).isEqualTo(0x10000);
    assertThat(SuperblockCodec.checksum(block, 2)).isEqualTo(0x80000);
  }

  @Test
  void aSuperblockFoundElsewhereThanItSaysIsNotRead() {
    assertThat(SuperblockCodec.decode(golden("superblock-clustered"), 16, DEVICE_SECTORS))
        .isEqualTo(new SuperblockRead.Corrupt("super_offset", "16", "8"));
  }

  @Property(tries = 500)
  void whateverIsEncodedIsDecodedAgain(
      @ForAll @Size(8) long[] longs,
      @ForAll @Size(11) int[] ints,
      @ForAll @Size(max = 40) int[] roles,
      @ForAll @IntRange(max = 0xFF) int small,
      @ForAll @IntRange(max = 0xFFFF) int medium) {
    for (int i = 0; i < roles.length; i++) {
      roles[i] &= 0xFFFF;
    }
    Superblock s =
        new Superblock(
            ints[0],
            new UUID(longs[0], longs[1]),
            "vol" + small,
            longs[2],
            ints[1],
            ints[2],
            longs[3],
            ints[3],
            ints[4],
            ints[5],
            ints[6],
            longs[4],
            ints[7],
            ints[8],
            ints[9],
            ints[10],
            longs[5],
            longs[6],
            8,
            longs[7],
            small,
            medium,
            new UUID(longs[1], longs[2]),
            small,
            0xFF - small,
            medium,
            ~ints[0],
            ~longs[2],
            ~longs[3],
            ~longs[4],
            ImmutableIntArray.copyOf(roles));
    assertThat(decode(SuperblockCodec.encode(s)).examinable()).contains(s);
    assertThat(s.toBuilder().build()).isEqualTo(s);
  }

  @Test
  void valuesThatHaveNoPlaceOnDiskAreRefused() {
    var builder = clustered().toBuilder();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.setName("x".repeat(33)).build())
        .withMessageContaining("longer than 32 bytes");
    builder.setName("");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.devflags(256).build())
        .withMessage("devflags 256 is not in 0..255");
    builder.devflags(0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.bblogShift(256).build())
        .withMessage("bblogShift 256 is not in 0..255");
    builder.bblogShift(0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.bblogSize(-1).build())
        .withMessage("bblogSize -1 is not in 0..65535");
    builder.bblogSize(0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.devRoles(roles(1921)).build())
        .withMessage("1921 roles; at most 1920");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.devRoles(ImmutableIntArray.of(0x10000)).build())
        .withMessage("role 65536 is not in 0..65535");
  }

  @Test
  void aTimeIsSecondsAndMicroseconds() {
    assertThat(clustered().ctimeInstant()).isEqualTo("2026-11-20T08:08:32.123456Z");
    assertThat(clustered().utimeInstant()).isEqualTo("2026-11-20T08:08:33Z");
    Instant time = Instant.parse("2041-02-03T04:05:06.789012Z");
    assertThat(clustered().toBuilder().ctime(Superblock.toRawTime(time)).build().ctimeInstant())
        .isEqualTo(time);
  }

  @Test
  void theRoleIsTheEntryOfTheDeviceItself() {
    Superblock s = clustered();
    assertThat(s.role()).isEqualTo(1);
    assertThat(s.isActive()).isTrue();
    assertThat(s.toBuilder().devNumber(3).build().role()).isEqualTo(Superblock.ROLE_FAULTY);
    assertThat(s.toBuilder().devNumber(3).build().isActive()).isFalse();
    assertThat(s.toBuilder().devNumber(4).build().role()).isEqualTo(Superblock.ROLE_SPARE);
    assertThat(s.toBuilder().devNumber(-1).build().role()).isEqualTo(Superblock.ROLE_SPARE);
  }

  @Test
  void flagsAreToldApart() {
    Superblock s = clustered();
    assertThat(s.isWriteMostly() || s.isFailfast()).isFalse();
    assertThat(s.toBuilder().devflags(1).build().isWriteMostly()).isTrue();
    assertThat(s.toBuilder().devflags(1).build().isFailfast()).isFalse();
    assertThat(s.toBuilder().devflags(2).build().isFailfast()).isTrue();
    assertThat(s.toBuilder().devflags(2).build().isWriteMostly()).isFalse();
    assertThat(s.isClean()).isTrue();
    assertThat(s.toBuilder().resyncOffset(63488).build().isClean()).isFalse();
    assertThat(s.has(Feature.CLUSTERED)).isTrue();
    assertThat(s.toBuilder().without(Feature.CLUSTERED).build().featureMap()).isEqualTo(1);
  }
}
