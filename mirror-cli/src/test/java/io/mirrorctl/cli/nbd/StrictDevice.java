package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.WriteOption;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** A device of zeroes that keeps account of every change and of every call it should not get. */
final class StrictDevice implements BlockDevice {
  static final int SIZE = 1 << 20;
  static final int BLOCK = 512;
  private static final int LONGEST = 64 << 10;

  /**
   * A change.
   *
   * @param hash of the data of a write
   */
  record Change(int command, long offset, long length, boolean durable, int hash) {}

  private final List<Change> changes = new ArrayList<>();
  private final List<String> offences = new ArrayList<>();

  /** The changes since the last call. */
  synchronized List<Change> takeChanges() {
    List<Change> taken = List.copyOf(changes);
    changes.clear();
    return taken;
  }

  synchronized List<String> offences() {
    return List.copyOf(offences);
  }

  private synchronized void check(String what, long offset, long length, boolean legal) {
    if (!legal
        || offset < 0
        || length <= 0
        || offset + length > SIZE
        || (offset | length) % BLOCK != 0) {
      offences.add("%s of %d at %d".formatted(what, length, offset));
    }
  }

  private static boolean isDirectAndAligned(ByteBuffer buffer) {
    return buffer.isDirect()
        && buffer.remaining() <= LONGEST
        && buffer.alignmentOffset(buffer.position(), BLOCK) == 0
        && buffer.capacity() >= AlignedBuffers.ALIGNMENT;
  }

  @Override
  public void read(long offset, ByteBuffer into) {
    check("read", offset, into.remaining(), isDirectAndAligned(into));
    while (into.hasRemaining()) {
      into.put((byte) 0);
    }
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) {
    check("write", offset, from.remaining(), isDirectAndAligned(from));
    change(Nbd.CMD_WRITE, offset, from.remaining(), options, from.hashCode());
    from.position(from.limit());
  }

  private synchronized void change(
      int command, long offset, long length, Set<WriteOption> options, int hash) {
    changes.add(new Change(command, offset, length, options.contains(WriteOption.DURABLE), hash));
  }

  @Override
  public void flush() {}

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) {
    check("discard", offset, length, true);
    change(Nbd.CMD_TRIM, offset, length, options, 0);
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) {
    check("zeroes", offset, length, true);
    change(Nbd.CMD_WRITE_ZEROES, offset, length, options, 0);
  }

  @Override
  public List<Extent> extents(long offset, long length) {
    check("extents", offset, length, true);
    return List.of(new Extent(length, true, true));
  }

  @Override
  public String name() {
    return "strict";
  }

  @Override
  public long sizeBytes() {
    return SIZE;
  }

  @Override
  public BlockSizes blockSizes() {
    return new BlockSizes(BLOCK, 4096, LONGEST);
  }

  @Override
  public Set<DeviceFeature> features() {
    return Set.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES, DeviceFeature.FAST_ZEROES);
  }

  @Override
  public void close() {}
}
