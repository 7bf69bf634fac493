package io.mirrorctl.core.bitmap;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.format.BitmapGeometry;
import java.nio.ByteBuffer;

/**
 * One page of a slot on its way to the members.
 *
 * @param index place in the slot: the page starts {@code index * 4096} bytes behind the slot's
 *     start; page 0 holds the header
 * @param image read-only direct buffer of 4096 bytes, aligned to 4096, from position 0 to its
 *     limit. It is used again once the storage call that carries it has returned. Threads that
 *     write it to several members at once each take a {@link ByteBuffer#duplicate}
 */
public record BitmapPage(int index, ByteBuffer image) {

  /** Bytes in a page, whatever a member's own sector size. */
  public static final int BYTES = BitmapGeometry.PAGE_BYTES;

  public BitmapPage {
    checkArgument(image.remaining() == BYTES, "page %s has %s bytes", index, image.remaining());
  }

  /** Bytes from the start of the slot. */
  public long offsetBytes() {
    return (long) index * BYTES;
  }
}
