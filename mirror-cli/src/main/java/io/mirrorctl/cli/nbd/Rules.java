package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice;
import org.jspecify.annotations.Nullable;

/**
 * Which requests a client may make on the export it has chosen, decided from the request's header
 * alone, before any of its payload is taken.
 *
 * @param device whose size counts, as it is at the moment of the request
 * @param flags the transmission flags the client was given
 * @param allocation whether the client selected base:allocation
 * @param maxRequest bytes of payload in either direction
 */
record Rules(BlockDevice device, int flags, boolean allocation, int maxRequest) {

  /** The error the request gets, or null if it may go to the device. */
  @Nullable Fault check(Request request) {
    int type = request.type();
    long offset = request.offset();
    long length = request.length();
    int allowed =
        switch (type) {
          case Nbd.CMD_READ -> offered(Nbd.FLAG_SEND_DF) ? Nbd.CMD_FLAG_DF : 0;
          case Nbd.CMD_WRITE, Nbd.CMD_FLUSH, Nbd.CMD_TRIM, Nbd.CMD_CACHE -> 0;
          case Nbd.CMD_WRITE_ZEROES ->
              Nbd.CMD_FLAG_NO_HOLE
                  | (offered(Nbd.FLAG_SEND_FAST_ZERO) ? Nbd.CMD_FLAG_FAST_ZERO : 0);
          case Nbd.CMD_BLOCK_STATUS -> Nbd.CMD_FLAG_REQ_ONE;
          default -> -1;
        };
    if (allowed < 0) {
      return Fault.invalid("unknown command " + type);
    }
    int unknown = request.flags() & ~(allowed | Nbd.CMD_FLAG_FUA);
    if (unknown != 0) {
      return Fault.invalid("command %d does not take flags 0x%x".formatted(type, unknown));
    }
    return switch (type) {
      case Nbd.CMD_FLUSH ->
          offset == 0 && length == 0
              ? null
              : Fault.invalid("a flush covers the whole export; offset and length must be 0");
      case Nbd.CMD_WRITE -> change(type, offset, length, true);
      case Nbd.CMD_WRITE_ZEROES -> change(type, offset, length, true);
      case Nbd.CMD_TRIM -> change(type, offset, length, offered(Nbd.FLAG_SEND_TRIM));
      case Nbd.CMD_BLOCK_STATUS -> {
        if (!allocation) {
          yield Fault.invalid("block status of an export without a selected context");
        }
        yield length == 0
            ? Fault.invalid("block status of no bytes at all")
            : range(type, offset, length);
      }
      default -> range(type, offset, length, request.has(Nbd.CMD_FLAG_DF));
    };
  }

  private @Nullable Fault change(int type, long offset, long length, boolean offered) {
    if (offered(Nbd.FLAG_READ_ONLY)) {
      return new Fault(Nbd.EPERM, "the export is read-only");
    }
    return offered
        ? range(type, offset, length)
        : Fault.invalid("command %d was not offered for this export".formatted(type));
  }

  private @Nullable Fault range(int type, long offset, long length) {
    return range(type, offset, length, false);
  }

  private @Nullable Fault range(int type, long offset, long length, boolean dontFragment) {
    if ((type == Nbd.CMD_READ || type == Nbd.CMD_WRITE) && length > maxRequest) {
      return new Fault(
          dontFragment ? Nbd.EOVERFLOW : Nbd.EINVAL,
          "%d bytes in one request; at most %d are taken".formatted(length, maxRequest));
    }
    long size = device.sizeBytes();
    if (offset < 0 || offset > size || length > size - offset) {
      boolean writes = type == Nbd.CMD_WRITE || type == Nbd.CMD_WRITE_ZEROES;
      return new Fault(
          writes ? Nbd.ENOSPC : Nbd.EINVAL,
          "%d bytes at offset %s reach beyond the export of %d bytes"
              .formatted(length, Long.toUnsignedString(offset), size));
    }
    int block = device.blockSizes().minimum();
    if (((offset | length) & (block - 1)) != 0) {
      return Fault.invalid(
          "offset %d and length %d are not multiples of the minimum block size %d"
              .formatted(offset, length, block));
    }
    return null;
  }

  /** Whether the client may not change anything. */
  boolean isReadOnly() {
    return offered(Nbd.FLAG_READ_ONLY);
  }

  private boolean offered(int flag) {
    return (flags & flag) != 0;
  }
}
