package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.LongPredicate;

/** A planted bug: some flushes are answered and not done. */
public final class LazyDisk extends ForwardingDevice {
  private final boolean flushes;
  private final LongPredicate durable;

  /**
   * @param flushes whether {@link #flush} is done
   * @param durable at which offsets writes that are to be durable are
   */
  public LazyDisk(BlockDevice disk, boolean flushes, LongPredicate durable) {
    super(disk);
    this.flushes = flushes;
    this.durable = durable;
  }

  private Set<WriteOption> options(long offset, Set<WriteOption> asked) {
    if (durable.test(offset) || !asked.contains(WriteOption.DURABLE)) {
      return asked;
    }
    Set<WriteOption> left = EnumSet.copyOf(asked);
    left.remove(WriteOption.DURABLE);
    return left;
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    super.write(offset, from, options(offset, options));
  }

  @Override
  public void flush() throws IOException {
    if (flushes) {
      super.flush();
    }
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    super.discard(offset, length, options(offset, options));
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    super.writeZeroes(offset, length, options(offset, options));
  }
}
