package io.mirrorctl.core.format;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Looks for what somebody may still want from a disk before it is made a member: an array, a file
 * system, a volume, a partition table. It knows the usual ones, not all there are.
 */
public final class ForeignData {
  private static final int MBR_TABLE = 446;
  private static final int MBR_ENTRIES = 4;
  private static final int MBR_ENTRY_BYTES = 16;
  private static final int MBR_TYPE = 4;
  private static final int MBR_SIGNATURE = 510;
  private static final String GPT = "EFI PART";
  private static final int[] LOGICAL_BLOCKS = {512, 4096};

  /**
   * Bytes that tell what is on a disk.
   *
   * @param offset from the start of the device
   * @param bytes each char is one byte
   */
  private record Signature(String what, long offset, String bytes) {}

  private static final ImmutableList<Signature> SIGNATURES = signatures();

  private ForeignData() {}

  private static ImmutableList<Signature> signatures() {
    var list = ImmutableList.<Signature>builder();
    list.add(
        new Signature("a LUKS volume", 0, "LUKS" + hex("babe")),
        new Signature("an ext2, ext3 or ext4 file system", 1080, hex("53ef")),
        new Signature("an xfs file system", 0, "XFSB"),
        new Signature("a btrfs file system", 0x10040, "_BHRfS_M"),
        new Signature("an NTFS file system", 3, "NTFS    "),
        new Signature("an exFAT file system", 3, "EXFAT   "),
        new Signature("a FAT file system", 54, "FAT12   "),
        new Signature("a FAT file system", 54, "FAT16   "),
        new Signature("a FAT file system", 82, "FAT32   "),
        new Signature("an f2fs file system", 1024, hex("1020f5f2")),
        new Signature("a squashfs file system", 0, "hsqs"),
        new Signature("an ISO 9660 file system", 0x8001, "CD001"),
        new Signature("a bcache device", 4120, hex("c68573f64e1a45ca")));
    for (int sector = 0; sector < 4; sector++) {
      list.add(new Signature("an LVM physical volume", sector * 512L, "LABELONE"));
    }
    for (int page = 4096; page <= 65536; page *= 2) {
      list.add(new Signature("swap space", page - 10L, "SWAPSPACE2"));
      list.add(new Signature("swap space", page - 10L, "SWAP-SPACE"));
    }
    return list.build();
  }

  private static String hex(String digits) {
    return new String(HexFormat.of().parseHex(digits), StandardCharsets.ISO_8859_1);
  }

  /**
   * What the device holds, for people, or empty if nothing known was found.
   *
   * @throws IOException if the device cannot be read
   */
  public static Optional<String> find(BlockDevice device) throws IOException {
    var reader = new AlignedReader(device);
    Optional<String> array = findArray(reader);
    if (array.isPresent()) {
      return array;
    }
    for (Signature signature : SIGNATURES) {
      if (matches(reader, signature.offset(), signature.bytes())) {
        return Optional.of(signature.what());
      }
    }
    return findPartitions(reader);
  }

  private static Optional<String> findArray(AlignedReader reader) throws IOException {
    for (SuperblockRead read : SuperblockSearch.everywhere(reader)) {
      Optional<String> array =
          switch (read) {
            case SuperblockRead.Valid(Superblock s) -> Optional.of(describe(s));
            case SuperblockRead.Unsupported(Superblock s, String _) -> Optional.of(describe(s));
            case SuperblockRead.Corrupt _ -> Optional.of("a damaged md superblock");
            case SuperblockRead.Absent _ -> Optional.empty();
          };
      if (array.isPresent()) {
        return array;
      }
    }
    return SuperblockSearch.findOld(reader).isPresent()
        ? Optional.of("a member of an md array, metadata version 0.90")
        : findFirmwareRaid(reader);
  }

  private static String describe(Superblock s) {
    return "a member of md array %s \"%s\"".formatted(MdUuid.format(s.setUuid()), s.setName());
  }

  private static Optional<String> findFirmwareRaid(AlignedReader reader) throws IOException {
    long bytes = reader.deviceSectors() * SectorRange.SECTOR_BYTES;
    for (int block : LOGICAL_BLOCKS) {
      if (matches(reader, bytes - 2L * block, "Intel Raid ISM Cfg Sig. ")) {
        return Optional.of("a member of an Intel firmware RAID");
      }
    }
    boolean ddf = matches(reader, bytes - 512, hex("de11de11"));
    return ddf ? Optional.of("a member of a DDF firmware RAID") : Optional.empty();
  }

  private static Optional<String> findPartitions(AlignedReader reader) throws IOException {
    long bytes = reader.deviceSectors() * SectorRange.SECTOR_BYTES;
    for (int block : LOGICAL_BLOCKS) {
      if (matches(reader, block, GPT) || matches(reader, bytes - block, GPT)) {
        return Optional.of("a GPT partition table");
      }
    }
    ByteBuffer sector = reader.read(0, SectorRange.SECTOR_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (sector.remaining() < SectorRange.SECTOR_BYTES
        || sector.getShort(MBR_SIGNATURE) != (short) 0xAA55) {
      return Optional.empty();
    }
    for (int i = 0; i < MBR_ENTRIES; i++) {
      if (sector.get(MBR_TABLE + i * MBR_ENTRY_BYTES + MBR_TYPE) != 0) {
        return Optional.of("an MBR partition table");
      }
    }
    return Optional.empty();
  }

  private static boolean matches(AlignedReader reader, long offset, String bytes)
      throws IOException {
    return offset >= 0
        && reader
            .read(offset, bytes.length())
            .equals(ByteBuffer.wrap(bytes.getBytes(StandardCharsets.ISO_8859_1)));
  }
}
