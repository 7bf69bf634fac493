package io.mirrorctl.cli.demo;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;

/** The two member files, looked at past the nodes. */
final class DemoDisks {
  static final int CHUNK_BYTES = 1 << 20;

  /** A slot of the bitmap for each node. */
  private static final int SLOTS = 2;

  private static final long METADATA_ROOM = 32L << 20;

  private final List<Path> files;

  DemoDisks(Path directory) {
    this.files = List.of(directory.resolve("disk-a"), directory.resolve("disk-b"));
  }

  List<Path> files() {
    return files;
  }

  /** Makes the files, sparse, and an array of so many bytes on them. */
  void create(String array, String cluster, long arrayBytes, Env env) throws IOException {
    for (Path file : files) {
      try (var out = new RandomAccessFile(file.toFile(), "rw")) {
        out.setLength(arrayBytes + METADATA_ROOM);
      }
    }
    try (BlockDevice a = FileDevice.open(files.get(0), new DeviceAccess.Exclusive());
        BlockDevice b = FileDevice.open(files.get(1), new DeviceAccess.Exclusive())) {
      ArrayCreation.plan(
              new ArrayCreation.Request(
                  array,
                  List.of(a, b),
                  List.of(),
                  List.of(),
                  BitmapKind.CLUSTERED,
                  SLOTS,
                  cluster,
                  CHUNK_BYTES,
                  arrayBytes / SectorRange.SECTOR_BYTES,
                  true, // new sparse files hold zeroes, both of them
                  false),
              env)
          .write();
    }
  }

  /**
   * What the disks show; true of a moment in which no client writes.
   *
   * @param chunks of the bitmap in all
   * @param dirty those the bitmaps on the disks call written to
   * @param differing those in which the disks differ
   */
  record Traces(long chunks, BitSet dirty, BitSet differing) {
    /** Chunks that differ although all bitmaps call them clean: there must be none. */
    BitSet forgotten() {
      BitSet forgotten = (BitSet) differing.clone();
      forgotten.andNot(dirty);
      return forgotten;
    }
  }

  /** Reads the bits of all nodes first, then compares: so what is copied meanwhile does no harm. */
  Traces inspect() throws IOException {
    try (BlockDevice a = FileDevice.open(files.get(0), new DeviceAccess.ReadOnly());
        BlockDevice b = FileDevice.open(files.get(1), new DeviceAccess.ReadOnly())) {
      BitSet dirty = dirty(a);
      dirty.or(dirty(b));
      Superblock own = superblock(a);
      return new Traces(
          Math.ceilDiv(own.size() * SectorRange.SECTOR_BYTES, (long) CHUNK_BYTES),
          dirty,
          differing(a, b, own));
    }
  }

  private static BitSet dirty(BlockDevice disk) throws IOException {
    BitSet dirty = new BitSet();
    for (int slot = 0; slot < SLOTS; slot++) {
      for (SlotImage.ChunkRange range :
          MemberMetadata.read(disk).readSlot(disk, slot).dirtyRanges()) {
        dirty.set((int) range.first(), (int) range.last() + 1);
      }
    }
    return dirty;
  }

  private static Superblock superblock(BlockDevice disk) throws IOException {
    return MemberMetadata.read(disk)
        .superblock()
        .examinable()
        .orElseThrow(() -> new IOException(disk.name() + " has lost its superblock"));
  }

  private static BitSet differing(BlockDevice a, BlockDevice b, Superblock own) throws IOException {
    BitSet differing = new BitSet();
    long start = own.dataOffset() * SectorRange.SECTOR_BYTES;
    long bytes = own.size() * SectorRange.SECTOR_BYTES;
    ByteBuffer left = AlignedBuffers.shared().acquire(CHUNK_BYTES);
    ByteBuffer right = AlignedBuffers.shared().acquire(CHUNK_BYTES);
    try {
      for (long at = 0; at < bytes; at += CHUNK_BYTES) {
        int length = (int) Math.min(CHUNK_BYTES, bytes - at);
        a.read(start + at, left.clear().limit(length));
        b.read(start + at, right.clear().limit(length));
        if (!left.flip().equals(right.flip())) {
          differing.set((int) (at / CHUNK_BYTES));
        }
      }
      return differing;
    } finally {
      AlignedBuffers.shared().release(left);
      AlignedBuffers.shared().release(right);
    }
  }
}
