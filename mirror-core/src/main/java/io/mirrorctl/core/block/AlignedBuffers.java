package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.mirrorctl.core.env.Invariant;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Direct buffers at addresses that are multiples of 4096, as direct I/O wants them, kept for reuse.
 *
 * <p>Sizes are powers of two from 4 KiB to 32 MiB. Buffers in use are not limited here (their users
 * know what they have in flight); the memory of idle ones is, and beyond it a released buffer is
 * left to the garbage collector.
 *
 * <p>Threading: safe from any thread.
 */
public final class AlignedBuffers {
  /** Every buffer starts at a multiple of it. */
  public static final int ALIGNMENT = 4096;

  /** No buffer is larger. */
  public static final int LARGEST = 32 << 20;

  private static final int SMALLEST_SHIFT = 12;
  private static final int MOST_IDLE_PER_CLASS = 256;
  private static final AlignedBuffers SHARED = new AlignedBuffers(64L << 20);

  private final long mostIdleBytes;
  private final AtomicLong idleBytes = new AtomicLong();
  private final SizeClass[] classes = new SizeClass[14];

  /**
   * @param mostIdleBytes how much memory may wait for reuse
   */
  public AlignedBuffers(long mostIdleBytes) {
    this.mostIdleBytes = mostIdleBytes;
    for (int i = 0; i < classes.length; i++) {
      classes[i] = new SizeClass(1 << (SMALLEST_SHIFT + i));
    }
  }

  /** The pool of this process, which keeps up to 64 MiB. */
  public static AlignedBuffers shared() {
    return SHARED;
  }

  /**
   * A buffer with {@code bytes} remaining from position 0, big-endian. Its content is whatever its
   * last user left in it.
   *
   * @param bytes from 1 to {@link #LARGEST}
   */
  public ByteBuffer acquire(int bytes) {
    checkArgument(bytes > 0 && bytes <= LARGEST, "buffer of %s bytes", bytes);
    SizeClass sizeClass = classOf(bytes);
    ByteBuffer buffer = sizeClass.pop();
    if (buffer == null) {
      int size = sizeClass.bytes;
      buffer = ByteBuffer.allocateDirect(size + ALIGNMENT).alignedSlice(ALIGNMENT).slice(0, size);
    } else {
      idleBytes.addAndGet(-sizeClass.bytes);
    }
    return buffer.clear().limit(bytes).order(ByteOrder.BIG_ENDIAN);
  }

  /**
   * Gives back a buffer from {@link #acquire}: that object itself, no slice or duplicate, once, and
   * with no I/O on it any more.
   */
  public void release(ByteBuffer buffer) {
    int bytes = buffer.capacity();
    checkArgument(
        buffer.isDirect()
            && Integer.bitCount(bytes) == 1
            && bytes >= ALIGNMENT
            && bytes <= LARGEST
            && buffer.alignmentOffset(0, ALIGNMENT) == 0,
        "not a buffer of this pool: %s",
        buffer);
    if (idleBytes.addAndGet(bytes) > mostIdleBytes || !classOf(bytes).push(buffer)) {
      idleBytes.addAndGet(-bytes);
    }
  }

  /** Memory that waits for reuse. */
  public long idleBytes() {
    return idleBytes.get();
  }

  private SizeClass classOf(int bytes) {
    int shift = Integer.SIZE - Integer.numberOfLeadingZeros(bytes - 1);
    return classes[Math.max(0, shift - SMALLEST_SHIFT)];
  }

  /** Idle buffers of one size, the one used last on top, since its memory is warm. */
  private static final class SizeClass {
    private final int bytes;

    @GuardedBy("this")
    private final ByteBuffer[] idle;

    @GuardedBy("this")
    private int count;

    private SizeClass(int bytes) {
      this.bytes = bytes;
      this.idle = new ByteBuffer[MOST_IDLE_PER_CLASS];
    }

    private synchronized ByteBuffer pop() {
      if (count == 0) {
        return null;
      }
      ByteBuffer top = idle[--count];
      idle[count] = null;
      return top;
    }

    @SuppressWarnings("ReferenceEquality") // equal content is no matter here
    private synchronized boolean push(ByteBuffer buffer) {
      boolean twice = false;
      for (int i = 0; i < count; i++) {
        twice |= idle[i] == buffer;
      }
      Invariant.check(!twice, "a buffer of %d bytes was released twice", bytes);
      if (count == idle.length) {
        return false;
      }
      idle[count++] = buffer;
      return true;
    }
  }
}
