package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * Request sizes a device takes, in bytes; the terms are those of the NBD protocol.
 *
 * @param minimum every offset and length is a multiple of it; a power of two
 * @param preferred requests that are multiples of it run best; a power of two
 * @param maximum no read or write request is longer
 */
public record BlockSizes(int minimum, int preferred, int maximum) {

  public BlockSizes {
    checkArgument(Integer.bitCount(minimum) == 1, "minimum %s is not a power of two", minimum);
    checkArgument(
        Integer.bitCount(preferred) == 1, "preferred %s is not a power of two", preferred);
    checkArgument(
        minimum <= preferred && preferred <= maximum, "%s > %s > %s", minimum, preferred, maximum);
    checkArgument(maximum % minimum == 0, "maximum %s is not a multiple of %s", maximum, minimum);
  }
}
