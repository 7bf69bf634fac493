package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.Samples.Head;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ForeignDataTest {
  private static final int SIZE = 1 << 20;

  private static MemoryImage device(Head head) {
    return new MemoryImage(head.bytes(), SIZE, 512);
  }

  private static Head head(long offset, String latin1) {
    return new Head(SIZE)
        .put(offset, ByteBuffer.wrap(latin1.getBytes(StandardCharsets.ISO_8859_1)));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 512, 4096, 8192, SIZE})
  void anEmptyDeviceHoldsNothing(int bytes) throws IOException {
    assertThat(ForeignData.find(new MemoryImage(new byte[bytes]))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, XFSB, an xfs file system",
    "65600, _BHRfS_M, a btrfs file system",
    "1080, S\u00ef, 'an ext2, ext3 or ext4 file system'",
    "3, 'NTFS    ', an NTFS file system",
    "3, 'EXFAT   ', an exFAT file system",
    "54, 'FAT12   ', a FAT file system",
    "54, 'FAT16   ', a FAT file system",
    "82, 'FAT32   ', a FAT file system",
    "4086, SWAPSPACE2, swap space",
    "65526, SWAPSPACE2, swap space",
    "4086, SWAP-SPACE, swap space",
    "0, LUKS\u00ba\u00be, a LUKS volume",
    "512, LABELONE, an LVM physical volume",
    "1536, LABELONE, an LVM physical volume",
    "0, hsqs, a squashfs file system",
    "32769, CD001, an ISO 9660 file system",
    "512, EFI PART, a GPT partition table",
    "4096, EFI PART, a GPT partition table",
    "1048064, EFI PART, a GPT partition table",
    "1044480, EFI PART, a GPT partition table"
  })
  void whatIsOnTheDiskIsNamed(long offset, String bytes, String what) throws IOException {
    assertThat(ForeignData.find(device(head(offset, bytes)))).contains(what);
  }

  @Test
  void firmwareRaidsAreFoundAtTheEnd() throws IOException {
    assertThat(ForeignData.find(device(head(SIZE - 1024, "Intel Raid ISM Cfg Sig. 1.3.00"))))
        .contains("a member of an Intel firmware RAID");
    assertThat(ForeignData.find(device(head(SIZE - 512, "\u00de\u0011\u00de\u0011"))))
        .contains("a member of a DDF firmware RAID");
  }

  @Test
  void anMbrCountsOnlyIfItHasAPartition() throws IOException {
    Head empty = new Head(SIZE).fill(510, 1, 0x55).fill(511, 1, 0xAA);
    assertThat(ForeignData.find(device(empty))).isEmpty();
    assertThat(ForeignData.find(device(empty.fill(446 + 3 * 16 + 4, 1, 0x83))))
        .contains("an MBR partition table");
    assertThat(ForeignData.find(device(empty.fill(511, 1, 0)))).isEmpty();
  }

  @Test
  void aMemberOfAnArrayIsNamedWithItsArray() throws IOException {
    String what = "a member of md array 447f425b:21f8c7b7:7413fd5d:9af5dfdb \"any:vol0\"";
    assertThat(ForeignData.find(Samples.head().put(Samples.plain()).device())).contains(what);
    Superblock elsewhere = Samples.plain().toBuilder().level(5).superOffset(0).build();
    assertThat(ForeignData.find(Samples.head().put(elsewhere).device())).contains(what);
    Superblock atTheEnd = Samples.plain().toBuilder().superOffset(2032).build();
    assertThat(ForeignData.find(device(new Head(SIZE).put(atTheEnd)))).contains(what);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 8, 2032})
  void aDamagedSuperblockIsStillAReasonToAsk(int sector) throws IOException {
    Superblock s = Samples.plain().toBuilder().superOffset(sector).build();
    Head head = new Head(SIZE).put(s).fill(sector * 512 + SuperblockCodec.AT_SIZE, 1, 9);
    assertThat(ForeignData.find(device(head))).contains("a damaged md superblock");
  }

  @Test
  void anOldSuperblockIsFoundNearTheEnd() throws IOException {
    ByteBuffer old = ByteBuffer.allocate(8).putInt(SuperblockCodec.MAGIC).putInt(0).flip();
    assertThat(ForeignData.find(device(new Head(SIZE).put(SIZE - 65536, old))))
        .contains("a member of an md array, metadata version 0.90");
  }
}
