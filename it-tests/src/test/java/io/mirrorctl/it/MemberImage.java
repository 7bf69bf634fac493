package io.mirrorctl.it;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A sparse file with the metadata of a member, put together by hand: no data, no engine. */
final class MemberImage {
  private final Path file;

  private MemberImage(Path file) {
    this.file = file;
  }

  /** A new file of that many sectors with a superblock. */
  static MemberImage create(Path file, long sectors, Superblock superblock) {
    var image = new MemberImage(file);
    image.write(sectors * SectorRange.SECTOR_BYTES - 1, ByteBuffer.allocate(1));
    ByteBuffer block = SuperblockCodec.encode(superblock);
    block.limit(SuperblockCodec.writeBytes(superblock, SectorRange.SECTOR_BYTES));
    image.write(superblock.superOffset() * SectorRange.SECTOR_BYTES, block);
    return image;
  }

  /** Writes one slot: its header, and ones for the chunks that are dirty. */
  MemberImage slot(BitmapArea area, int slot, BitmapHeader header, long... dirtyChunks) {
    long at = area.slotOffsetBytes(slot);
    write(at, BitmapHeaderCodec.encode(header));
    byte[] bits = new byte[Math.toIntExact(area.geometry().bitmapBytes())];
    for (long chunk : dirtyChunks) {
      bits[(int) (chunk / 8)] |= (byte) (1 << (chunk % 8));
    }
    write(at + BitmapHeaderCodec.BYTES, ByteBuffer.wrap(bits));
    return this;
  }

  MemberImage badBlocks(Superblock s, BadBlockLog log) {
    write(
        (s.superOffset() + s.bblogOffset()) * SectorRange.SECTOR_BYTES,
        log.encode(s.bblogShift(), s.bblogSize()));
    return this;
  }

  Path file() {
    return file;
  }

  private void write(long offset, ByteBuffer bytes) {
    try (var channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      while (bytes.hasRemaining()) {
        offset += channel.write(bytes, offset);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
