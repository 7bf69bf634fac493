package io.mirrorctl.cli.nbd;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A request as a client sent it.
 *
 * @param flags command flags, 16 bits
 * @param type command, 16 bits
 * @param cookie the client's name for it, goes back in the reply
 * @param offset bytes; unsigned on the wire, so a negative one lies far outside
 * @param length bytes, 0..2^32-1
 * @param payload the data of a write that is to be executed, from position 0 to the limit; null for
 *     all else, and for a write of nothing
 * @param reserved bytes taken from the connection's share of memory for its payload
 * @param fault why it is refused; null if it is to be executed
 */
record Request(
    int flags,
    int type,
    long cookie,
    long offset,
    long length,
    @Nullable ByteBuffer payload,
    int reserved,
    @Nullable Fault fault) {

  /** As its header says, without anything behind it. */
  Request(int flags, int type, long cookie, long offset, long length) {
    this(flags, type, cookie, offset, length, null, 0, null);
  }

  /** The same request, ready to be executed. */
  Request holding(@Nullable ByteBuffer data, int bytes) {
    return new Request(flags, type, cookie, offset, length, data, bytes, null);
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** The same request, not to be executed and holding nothing. */
  Request refused(Fault why) {
    return new Request(flags, type, cookie, offset, length, null, 0, why);
  }

  /** Whether it changes what the device holds. */
  boolean modifies() {
    return fault == null
        && (type == Nbd.CMD_WRITE || type == Nbd.CMD_TRIM || type == Nbd.CMD_WRITE_ZEROES);
  }
}
