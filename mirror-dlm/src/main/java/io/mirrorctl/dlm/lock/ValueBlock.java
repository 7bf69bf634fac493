package io.mirrorctl.dlm.lock;

import com.google.common.base.Preconditions;
import io.mirrorctl.dlm.store.Bytes;

/**
 * The 64 bytes that live with a lock resource.
 *
 * <p>A resource begins with zeroes. They become not valid when an owner that held PW or EX dies,
 * and valid again with the next write; the content is then what the last write left, and nothing
 * says whether the dead owner had meant to change it (invariant I7).
 *
 * @param content exactly {@link #BYTES} bytes
 * @param valid whether the last holder of PW or EX lived to give it up
 */
public record ValueBlock(Bytes content, boolean valid) {
  /** Size of every value block, in bytes. */
  public static final int BYTES = 64;

  /** What a resource begins with. */
  public static final ValueBlock ZERO = new ValueBlock(Bytes.of(new byte[BYTES]), true);

  public ValueBlock {
    Preconditions.checkArgument(
        content.size() == BYTES, "a value block has %s bytes, not %s", BYTES, content.size());
  }

  /** The same content, no longer to be trusted. */
  ValueBlock invalid() {
    return new ValueBlock(content, false);
  }
}
