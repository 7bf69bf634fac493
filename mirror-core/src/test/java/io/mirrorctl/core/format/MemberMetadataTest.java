package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.Samples.Head;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemberMetadataTest {
  private static final BadBlockLog SOME_BAD =
      BadBlockLog.of(List.of(new SectorRange(3000, 3008), new SectorRange(65535, 65536)));

  private static MemberMetadata read(Head head) throws IOException {
    return MemberMetadata.read(head.device());
  }

  private static Head clusteredHead(int nodes) {
    return Samples.head().put(Samples.clustered(), Samples.clusteredHeader(nodes));
  }

  private static BitmapHeaderRead.Corrupt corrupt(MemberMetadata metadata, int slot) {
    assertThat(metadata.bitmapHeaders().get(slot)).isInstanceOf(BitmapHeaderRead.Corrupt.class);
    return (BitmapHeaderRead.Corrupt) metadata.bitmapHeaders().get(slot);
  }

  @Test
  void allOfAClusteredMemberIsFound() throws IOException {
    MemberMetadata metadata = read(clusteredHead(4));
    assertThat(metadata.superblock()).isEqualTo(new SuperblockRead.Valid(Samples.clustered()));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.CLUSTERED);
    assertThat(metadata.bitmapHeaders())
        .hasSize(4)
        .containsOnly(new BitmapHeaderRead.Valid(Samples.clusteredHeader(4)));
    assertThat(metadata.bitmapArea())
        .contains(new BitmapArea(16, new BitmapGeometry(Samples.SIZE, 65536), 4));
    assertThat(metadata.badBlockLog()).isEqualTo(new BadBlockLogRead.Absent());
    assertThat(metadata.deviceSectors()).isEqualTo(Samples.DEVICE_SECTORS);
    assertThat(metadata.deviceName()).isEqualTo("image");
  }

  @Test
  void allOfAMemberWithAnInternalBitmapAndBadBlocksIsFound() throws IOException {
    Superblock s = Samples.withBadBlockLog(Samples.internal());
    MemberMetadata metadata =
        read(Samples.head().put(s, Samples.internalHeader()).put(s, SOME_BAD));
    assertThat(metadata.superblock()).isEqualTo(new SuperblockRead.Valid(s));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.INTERNAL);
    assertThat(metadata.bitmapHeaders())
        .containsExactly(new BitmapHeaderRead.Valid(Samples.internalHeader()));
    assertThat(metadata.badBlockLog()).isEqualTo(new BadBlockLogRead.Valid(SOME_BAD));
    assertThat(metadata.badBlockArea()).contains(new SectorRange(24, 32));
  }

  @Test
  void aMemberWithoutBitmapHasNone() throws IOException {
    MemberMetadata metadata = read(Samples.head().put(Samples.plain()));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.NONE);
    assertThat(metadata.bitmapHeaders()).isEmpty();
    assertThat(metadata.bitmapArea()).isEmpty();
  }

  @Test
  void anEmptyDeviceHasNoSuperblock() throws IOException {
    assertThat(read(Samples.head()).superblock())
        .isEqualTo(new SuperblockRead.Absent("no md superblock at sector 8"));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 512, 4096, 4608, 8192, 8704, 20480, 1 << 20})
  void aDeviceThatEndsAnywhereIsReadUpToItsEnd(long bytes) throws IOException {
    byte[] head = clusteredHead(4).bytes();
    var device =
        new MemoryImage(Arrays.copyOf(head, (int) Math.min(head.length, bytes)), bytes, 512);
    MemberMetadata metadata = MemberMetadata.read(device);
    if (bytes < 4608) {
      assertThat(metadata.superblock()).isInstanceOf(SuperblockRead.Absent.class);
    } else {
      assertThat(metadata.superblock())
          .isInstanceOfSatisfying(
              SuperblockRead.Unsupported.class,
              u -> assertThat(u.reason()).contains("the device was truncated"));
    }
    assertThat(metadata.bitmapArea().isPresent()).isEqualTo(bytes >= 24576);
  }

  @Test
  void aTruncatedMemberCanStillBeExamined() throws IOException {
    var device = new MemoryImage(clusteredHead(4).bytes(), 40_000 * 512, 512);
    MemberMetadata metadata = MemberMetadata.read(device);
    assertThat(metadata.superblock())
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            u ->
                assertThat(u.reason())
                    .isEqualTo(
                        "data_offset 2048 + data_size 63488 reach past the device's 40000 sectors:"
                            + " the device was truncated, or this is not the disk it was"));
    assertThat(metadata.bitmapHeaders()).hasSize(4);
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 1024, 4096, 16384, 65536})
  void theDevicesOwnBlockSizeIsRespected(int block) throws IOException {
    Superblock s = Samples.withBadBlockLog(Samples.internal());
    byte[] head = Samples.head().put(s, Samples.internalHeader()).put(s, SOME_BAD).bytes();
    var fine = MemberMetadata.read(new MemoryImage(head, 1 << 25, 512));
    var device = new MemoryImage(head, 1 << 25, block);
    var coarse = MemberMetadata.read(device);
    assertThat(coarse).isEqualTo(fine);
    assertThat(coarse.readSlot(device, 0).dirtyChunks()).isZero();
    assertThat(ForeignData.find(device)).isPresent();
  }

  @Test
  void aCorruptMagicInSlot2LeavesTheOtherSlotsAlone() throws IOException {
    var device = clusteredHead(4).fill(8192 + 2 * 4096, 4, 0x55).device();
    MemberMetadata metadata = MemberMetadata.read(device);
    assertThat(corrupt(metadata, 2).toString())
        .isEqualTo("bitmap header is corrupt: magic is 55555555, expected 6d746962");
    assertThat(metadata.bitmapHeaders().get(1)).isInstanceOf(BitmapHeaderRead.Valid.class);
    assertThat(metadata.bitmapHeaders().get(3)).isInstanceOf(BitmapHeaderRead.Valid.class);
    assertThat(metadata.readSlot(device, 3).dirtyChunks()).isZero();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> metadata.readSlot(device, 2))
        .withMessage("image has no bitmap slot 2 that can be read");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void aZeroChunkSizeInAnySlotIsDamageNotACrash(int slot) throws IOException {
    MemberMetadata metadata = read(clusteredHead(4).fill(8192 + slot * 4096 + 52, 4, 0));
    assertThat(corrupt(metadata, slot).toString())
        .isEqualTo(
            "bitmap header is corrupt: chunksize is 0, expected a power of two, at least 512");
    assertThat(metadata.bitmapHeaders()).hasSize(slot == 0 ? 1 : 4);
    assertThat(metadata.bitmapArea().isPresent()).isEqualTo(slot != 0);
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.CLUSTERED);
  }

  @Test
  void slotsThatWereNeverWrittenAreAbsent() throws IOException {
    MemberMetadata metadata = read(clusteredHead(4).fill(8192 + 2 * 4096, 8192, 0));
    assertThat(metadata.bitmapHeaders().subList(2, 4)).containsOnly(new BitmapHeaderRead.Absent());
    assertThat(metadata.bitmapHeaders().get(1)).isInstanceOf(BitmapHeaderRead.Valid.class);
  }

  @Test
  void aBitmapOfAnotherArrayIsNoneOfOurs() throws IOException {
    BitmapHeader foreign = Samples.clusteredHeader(4).toBuilder().uuid(new UUID(1, 2)).build();
    MemberMetadata metadata = read(Samples.head().put(Samples.clustered(), foreign));
    assertThat(corrupt(metadata, 0))
        .isEqualTo(
            new BitmapHeaderRead.Corrupt(
                "uuid",
                "447f425b:21f8c7b7:7413fd5d:9af5dfdb",
                "00000000:00000001:00000000:00000002"));
  }

  @Test
  void aBitmapForAnotherSizeIsNotBelieved() throws IOException {
    BitmapHeader other = Samples.clusteredHeader(4).toBuilder().syncSize(63486).build();
    assertThat(corrupt(read(Samples.head().put(Samples.clustered(), other)), 0))
        .isEqualTo(new BitmapHeaderRead.Corrupt("sync_size", "63488", "63486"));
  }

  @Test
  void aBitmapWithOneSlotDoesNotServeACluster() throws IOException {
    Head head = Samples.head().put(Samples.clustered(), Samples.internalHeader());
    assertThat(corrupt(read(head), 0).field()).isEqualTo("version");
  }

  @Test
  void aBitmapOfManySlotsIsClusteredWhateverTheFeatureMapSays() throws IOException {
    MemberMetadata metadata =
        read(Samples.head().put(Samples.internal(), Samples.clusteredHeader(3)));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.CLUSTERED);
    assertThat(metadata.bitmapHeaders()).hasSize(3);
  }

  @ParameterizedTest
  @CsvSource({"52, 131072, chunksize", "68, 3, nodes", "40, 63486, sync_size", "4, 4, version"})
  void aSlotThatDisagreesWithSlot0IsNotBelieved(int offset, int value, String field)
      throws IOException {
    ByteBuffer other = BitmapHeaderCodec.encode(Samples.clusteredHeader(4)).putInt(offset, value);
    if (field.equals("version")) {
      other.putInt(68, 0);
    }
    MemberMetadata metadata = read(clusteredHead(4).put(8192 + 4096, other));
    assertThat(corrupt(metadata, 1).field()).isEqualTo(field);
    assertThat(metadata.bitmapHeaders().get(2)).isInstanceOf(BitmapHeaderRead.Valid.class);
  }

  @Test
  void aSlotThatDisagreesWithSlot0IsNotBelievedWhereTheSuperblockDoesNotTell() throws IOException {
    ByteBuffer internal = BitmapHeaderCodec.encode(Samples.internalHeader());
    MemberMetadata metadata =
        read(
            Samples.head()
                .put(Samples.internal(), Samples.clusteredHeader(3))
                .put(8192 + 4096, internal));
    assertThat(corrupt(metadata, 1))
        .isEqualTo(new BitmapHeaderRead.Corrupt("version", "5 as in slot 0", "4"));
    Superblock level10 = Samples.clustered().toBuilder().level(10).build();
    ByteBuffer shorter =
        BitmapHeaderCodec.encode(Samples.clusteredHeader(3).toBuilder().syncSize(100_000).build());
    BitmapHeader longer = Samples.clusteredHeader(3).toBuilder().syncSize(126_976).build();
    metadata = read(Samples.head().put(level10, longer).put(8192 + 4096, shorter));
    assertThat(corrupt(metadata, 1))
        .isEqualTo(new BitmapHeaderRead.Corrupt("sync_size", "126976 as in slot 0", "100000"));
  }

  @Test
  void aSlotOfAnotherFormatIsStillOfACluster() throws IOException {
    ByteBuffer padded =
        BitmapHeaderCodec.encode(Samples.clusteredHeader(3)).putInt(BitmapHeaderCodec.AT_PAD, 1);
    MemberMetadata metadata = read(Samples.head().put(Samples.internal()).put(8192, padded));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.CLUSTERED);
    assertThat(metadata.bitmapArea()).isEmpty();
    ByteBuffer lockless =
        BitmapHeaderCodec.encode(Samples.internalHeader()).putInt(BitmapHeaderCodec.AT_VERSION, 6);
    metadata = read(Samples.head().put(Samples.internal()).put(8192, lockless));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.INTERNAL);
  }

  @Test
  void slotsMayEndWhereTheDataBegins() throws IOException {
    Superblock s = Samples.clustered().toBuilder().dataOffset(16 + 4 * 8).build();
    MemberMetadata metadata = read(Samples.head().put(s, Samples.clusteredHeader(4)));
    assertThat(metadata.bitmapHeaders()).hasSize(4);
    Superblock less = Samples.clustered().toBuilder().dataOffset(16 + 4 * 8 - 1).build();
    metadata = read(Samples.head().put(less, Samples.clusteredHeader(4)));
    assertThat(corrupt(metadata, 0).field()).isEqualTo("nodes, chunksize");
  }

  @Test
  void slotsThatWouldReachIntoTheDataAreNotRead() throws IOException {
    Superblock s = Samples.clustered().toBuilder().dataOffset(2048).build();
    BitmapHeader header = Samples.clusteredHeader(256).toBuilder().chunksize(512).build();
    Head head = new Head(1 << 22).put(s).put(8192, BitmapHeaderCodec.encode(header));
    MemberMetadata metadata = read(head);
    assertThat(corrupt(metadata, 0).toString())
        .isEqualTo(
            "bitmap header is corrupt: nodes, chunksize is 256 slots of 8192 bytes from sector 16,"
                + " expected slots that end before sector 2048");
    assertThat(metadata.bitmapHeaders()).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 4, -8, -100000, 2040, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void aBitmapAtAnImpossiblePlaceIsNotRead(int bitmapOffset) throws IOException {
    Superblock s = Samples.internal().toBuilder().bitmapOffset(bitmapOffset).build();
    assertThat(corrupt(read(Samples.head().put(s)), 0).field()).isEqualTo("bitmap_offset");
  }

  @Test
  void theBadBlockLogIsReadOnlyWhenTheSuperblockSaysSo() throws IOException {
    Superblock s = Samples.internal().toBuilder().bblogOffset(16).bblogSize(8).build();
    MemberMetadata metadata =
        read(Samples.head().put(s, Samples.internalHeader()).put(s, SOME_BAD));
    assertThat(metadata.badBlockLog()).isEqualTo(new BadBlockLogRead.Absent());
    assertThat(metadata.badBlockArea()).contains(new SectorRange(24, 32));
  }

  @Test
  void aBadBlockLogInsideTheBitmapIsNeitherReadNorWritten() throws IOException {
    Superblock s = Samples.withBadBlockLog(Samples.internal()).toBuilder().bblogOffset(15).build();
    MemberMetadata metadata = read(Samples.head().put(s, Samples.internalHeader()));
    assertThat(metadata.badBlockLog())
        .isEqualTo(
            new BadBlockLogRead.Corrupt(
                "bblog_offset and bblog_size",
                "1 to 8 sectors between superblock, bitmap and data",
                "15 and 8"));
    assertThat(metadata.badBlockArea()).isEmpty();
  }

  @Test
  void withoutABitmapTheLogMayBeginRightBehindTheSuperblock() throws IOException {
    Superblock s = Samples.withBadBlockLog(Samples.plain()).toBuilder().bblogOffset(8).build();
    MemberMetadata metadata = read(Samples.head().put(s).put(s, SOME_BAD));
    assertThat(metadata.badBlockLog()).isEqualTo(new BadBlockLogRead.Valid(SOME_BAD));
    assertThat(metadata.badBlockArea()).contains(new SectorRange(16, 24));
  }

  @Test
  void whereTheBitmapEndsUnknownNoLogIsWritten() throws IOException {
    Superblock s = Samples.internal().toBuilder().bblogOffset(16).bblogSize(8).build();
    MemberMetadata metadata =
        read(Samples.head().put(s, Samples.internalHeader()).fill(8192, 1, 0));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.INTERNAL);
    assertThat(metadata.bitmapArea()).isEmpty();
    assertThat(metadata.badBlockArea()).isEmpty();
  }

  @Test
  void theLogALaterMemberOfAClusterHasInsideSlot1IsNeverWritten() throws IOException {
    Superblock s = Samples.clustered().toBuilder().bblogOffset(16).bblogSize(8).build();
    MemberMetadata metadata = read(Samples.head().put(s, Samples.clusteredHeader(4)));
    assertThat(metadata.superblock()).isInstanceOf(SuperblockRead.Valid.class);
    assertThat(metadata.badBlockLog()).isEqualTo(new BadBlockLogRead.Absent());
    assertThat(metadata.badBlockArea()).isEmpty();
  }

  @Test
  void aMemberWithoutALogHasNoPlaceForOne() throws IOException {
    assertThat(read(Samples.head().put(Samples.plain())).badBlockArea()).isEmpty();
    Superblock large = Samples.plain().toBuilder().bblogOffset(16).bblogSize(9).build();
    assertThat(read(Samples.head().put(large)).badBlockArea()).isEmpty();
    Superblock far = Samples.plain().toBuilder().bblogOffset(2033).bblogSize(8).build();
    assertThat(read(Samples.head().put(far)).badBlockArea()).isEmpty();
    Superblock near = Samples.plain().toBuilder().bblogOffset(7).bblogSize(8).build();
    assertThat(read(Samples.head().put(near)).badBlockArea()).isEmpty();
  }

  @Test
  void theBitsOfEachSlotAreItsOwn() throws IOException {
    var device =
        clusteredHead(3)
            .fill(8192 + 256, 4096 - 256, 0xFF)
            .fill(12288 + 256 + 1, 1, 0x81)
            .fill(12288 + 256 + 3, 2, 0xFF)
            .fill(12288 + 256 + 61, 1, 0xFF)
            .device();
    MemberMetadata metadata = MemberMetadata.read(device);
    SlotImage full = metadata.readSlot(device, 0);
    assertThat(full.dirtyChunks()).isEqualTo(496);
    assertThat(full.dirtyRanges()).containsExactly(new SlotImage.ChunkRange(0, 495));
    SlotImage some = metadata.readSlot(device, 1);
    assertThat(some.header()).isEqualTo(Samples.clusteredHeader(3));
    assertThat(some).hasToString("26 of 496 chunks dirty");
    assertThat(some).hasSameHashCodeAs(metadata.readSlot(device, 1));
    assertThatIllegalArgumentException().isThrownBy(() -> some.isDirty(496));
    assertThatIllegalArgumentException().isThrownBy(() -> some.isDirty(-1));
    assertThatIllegalArgumentException().isThrownBy(() -> metadata.readSlot(device, 3));
    assertThatIllegalArgumentException().isThrownBy(() -> metadata.readSlot(device, -1));
    assertThat(some.dirtyChunks()).isEqualTo(26);
    assertThat(some.dirtyRanges())
        .containsExactly(
            new SlotImage.ChunkRange(8, 8),
            new SlotImage.ChunkRange(15, 15),
            new SlotImage.ChunkRange(24, 39),
            new SlotImage.ChunkRange(488, 495));
    assertThat(some.isDirty(15)).isTrue();
    assertThat(some.isDirty(16)).isFalse();
    assertThat(some.bits().remaining()).isEqualTo(62);
    assertThat(some.bits().get(1)).isEqualTo((byte) 0x81);
    assertThat(metadata.readSlot(device, 2).dirtyRanges()).isEmpty();
    assertThat(metadata.readSlot(device, 1)).isEqualTo(some).isNotEqualTo(full);
  }

  @Test
  void bitsBehindTheLastChunkMeanNothing() throws IOException {
    BitmapHeader header = Samples.internalHeader().toBuilder().chunksize(1 << 20).build();
    Superblock s = Samples.internal();
    var device = Samples.head().put(s, header).fill(8192 + 256, 3840, 0xFF).device();
    SlotImage image = MemberMetadata.read(device).readSlot(device, 0);
    assertThat(image.geometry().chunks()).isEqualTo(31);
    assertThat(image.dirtyChunks()).isEqualTo(31);
    assertThat(image.bits().get(3)).isEqualTo((byte) 0x7F);
    assertThat(image.dirtyRanges()).containsExactly(new SlotImage.ChunkRange(0, 30));
  }

  @Test
  void aSlotOfManyRequestsIsReadWhole() throws IOException {
    // 2^24 chunks: 2 MiB of bits, read by requests of 128 KiB
    long size = 1L << 24;
    Superblock s =
        Samples.internal().toBuilder().size(size).dataSize(size).dataOffset(8192).build();
    BitmapHeader header =
        Samples.internalHeader().toBuilder().syncSize(size).chunksize(512).build();
    Head head = new Head(1 << 22).put(s, header);
    head.fill(8448, 1, 1).fill(8448 + (1 << 20), 1, 2).fill(8448 + (1 << 21) - 1, 1, 0x80);
    var device = new MemoryImage(head.bytes(), (size + 8192) * 512, 4096);
    SlotImage image = MemberMetadata.read(device).readSlot(device, 0);
    assertThat(image.dirtyRanges())
        .containsExactly(
            new SlotImage.ChunkRange(0, 0),
            new SlotImage.ChunkRange((1L << 23) + 1, (1L << 23) + 1),
            new SlotImage.ChunkRange((1L << 24) - 1, (1L << 24) - 1));
  }

  @Test
  void aSuperblockOfVersion11IsNamedAndShown() throws IOException {
    Superblock s = Samples.clustered().toBuilder().superOffset(0).build();
    MemberMetadata metadata = read(Samples.head().put(s, Samples.clusteredHeader(4)));
    assertThat(metadata.bitmapKind()).isEqualTo(BitmapKind.NONE);
    assertThat(metadata.superblock())
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            u -> {
              assertThat(u.superblock()).isEqualTo(s);
              assertThat(u.reason()).contains("metadata version 1.1; only version 1.2");
            });
  }

  @Test
  void aSuperblockOfVersion10AtTheEndIsNamedAndShown() throws IOException {
    Superblock s = Samples.plain().toBuilder().superOffset(112).dataOffset(0).build();
    var device = new MemoryImage(Samples.head().put(s).bytes(), 65536 + 512, 512);
    assertThat(MemberMetadata.read(device).superblock())
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            u -> assertThat(u.reason()).contains("metadata version 1.0;"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aSuperblockOfVersion090InEitherByteOrderIsNamed(boolean bigEndian) throws IOException {
    ByteBuffer old =
        ByteBuffer.allocate(8)
            .order(bigEndian ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN)
            .putInt(SuperblockCodec.MAGIC)
            .putInt(0)
            .flip();
    byte[] head = new Head(1 << 17).put(1 << 16, old).bytes();
    assertThat(MemberMetadata.read(new MemoryImage(head)).superblock())
        .isEqualTo(
            new SuperblockRead.Absent(
                "metadata version 0.90 at sector 128; only version 1.2 is supported"));
  }

  @Test
  void aDamagedSuperblockIsReportedAsSuchAndNothingElseIsLookedAt() throws IOException {
    Head head = clusteredHead(4).fill(4096 + SuperblockCodec.AT_EVENTS, 1, 77);
    MemberMetadata metadata = read(head);
    assertThat(metadata.superblock())
        .isInstanceOfSatisfying(
            SuperblockRead.Corrupt.class,
            c ->
                assertThat(c.toString())
                    .startsWith("superblock is corrupt: sb_csum is ")
                    .contains(", expected "));
    assertThat(metadata.bitmapHeaders()).isEqualTo(ImmutableList.of());
  }
}
