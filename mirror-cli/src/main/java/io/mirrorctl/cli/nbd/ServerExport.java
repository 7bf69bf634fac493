package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.UUID;

/**
 * What a server has agreed to for one export.
 *
 * @param sizeBytes as the server says it
 * @param flags the transmission flags, {@code Nbd.FLAG_*}
 * @param blockSizes what this client keeps to: never below a sector of 512 bytes, as nothing here
 *     works in smaller units, and never above the payload every server takes
 * @param structuredReplies whether replies come in chunks
 * @param allocationContext the id of {@code base:allocation}, if extents can be asked for
 * @param storage of a server that knows its clients: the same as before if it has lost nothing
 */
record ServerExport(
    long sizeBytes,
    int flags,
    BlockSizes blockSizes,
    boolean structuredReplies,
    OptionalInt allocationContext,
    Optional<UUID> storage) {

  /** The largest minimum the protocol allows. */
  private static final int LARGEST_MINIMUM = 64 << 10;

  /** What applies where the server does not state block sizes. */
  static final BlockSizes DEFAULT_SIZES =
      new BlockSizes(SectorRange.SECTOR_BYTES, 4096, Nbd.DEFAULT_MAX_PAYLOAD);

  /**
   * The sizes to keep to where the server states these, all unsigned.
   *
   * @throws ProtocolViolation if no server could mean them
   */
  static BlockSizes sizesFor(int minimum, int preferred, int maximum) throws ProtocolViolation {
    long largest = Integer.toUnsignedLong(maximum);
    boolean sane =
        Integer.bitCount(minimum) == 1
            && minimum > 0
            && minimum <= LARGEST_MINIMUM
            && Integer.bitCount(preferred) == 1
            && preferred >= minimum
            && largest >= preferred;
    if (!sane) {
      throw new ProtocolViolation(
          "impossible block sizes: minimum %s, preferred %s, maximum %d"
              .formatted(
                  Integer.toUnsignedString(minimum), Integer.toUnsignedString(preferred), largest));
    }
    int ourMinimum = Math.max(minimum, SectorRange.SECTOR_BYTES);
    int ourMaximum = (int) Math.min(largest, Nbd.DEFAULT_MAX_PAYLOAD);
    ourMaximum -= ourMaximum % ourMinimum;
    if (ourMaximum == 0) {
      throw new ProtocolViolation("a largest request of only " + largest + " bytes");
    }
    int ourPreferred = Math.min(Math.max(preferred, ourMinimum), Integer.highestOneBit(ourMaximum));
    return new BlockSizes(ourMinimum, ourPreferred, ourMaximum);
  }

  /** Whether the server has set this flag. */
  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** The part of the export that whole blocks cover. */
  long usableBytes() {
    return sizeBytes - sizeBytes % blockSizes.minimum();
  }

  /** The features of a device on this export. */
  Set<DeviceFeature> features(boolean readOnly) {
    var features = EnumSet.noneOf(DeviceFeature.class);
    if (readOnly || has(Nbd.FLAG_READ_ONLY)) {
      features.add(DeviceFeature.READ_ONLY);
    } else {
      if (has(Nbd.FLAG_SEND_TRIM)) {
        // not DISCARD_ZEROES: the protocol leaves open what a trimmed range reads as
        features.add(DeviceFeature.DISCARD);
      }
      if (has(Nbd.FLAG_SEND_WRITE_ZEROES)) {
        features.add(DeviceFeature.FAST_ZEROES);
      }
    }
    if (has(Nbd.FLAG_CAN_MULTI_CONN)) {
      features.add(DeviceFeature.SHARED_FLUSH);
    }
    return features;
  }

  /**
   * Refuses an export that cannot serve as a disk.
   *
   * @throws DeviceException with a message that says why, without the export's name
   */
  void checkUsable(boolean readOnly) throws DeviceException {
    if (usableBytes() <= 0) {
      throw new DeviceException(
          IoFailure.NOT_SUPPORTED,
          "the export has %s bytes, less than one block of %d"
              .formatted(Long.toUnsignedString(sizeBytes), blockSizes.minimum()));
    }
    if (!readOnly && has(Nbd.FLAG_READ_ONLY)) {
      throw new DeviceException(IoFailure.READ_ONLY, "the export is read-only");
    }
    if (!readOnly && !has(Nbd.FLAG_SEND_FLUSH)) {
      throw new DeviceException(
          IoFailure.NOT_SUPPORTED,
          "the server offers no flush, so nothing written there can be made durable");
    }
  }

  /**
   * Why a device that was opened on this export cannot go on with what the server offers now; empty
   * if it can. Everything this client relies on must still be there; more may have come.
   */
  Optional<String> whyNot(ServerExport now) {
    if (now.sizeBytes != sizeBytes) {
      return Optional.of(
          "the export has %s bytes now and had %s"
              .formatted(Long.toUnsignedString(now.sizeBytes), Long.toUnsignedString(sizeBytes)));
    }
    if (!has(Nbd.FLAG_READ_ONLY) && now.has(Nbd.FLAG_READ_ONLY)) {
      return Optional.of("the export is read-only now");
    }
    if (now.blockSizes.minimum() > blockSizes.minimum()
        || now.blockSizes.maximum() < blockSizes.maximum()) {
      return Optional.of(
          "the export takes requests of %d to %d bytes now and took %d to %d"
              .formatted(
                  now.blockSizes.minimum(),
                  now.blockSizes.maximum(),
                  blockSizes.minimum(),
                  blockSizes.maximum()));
    }
    if (allocationContext.isPresent() && now.allocationContext.isEmpty()) {
      return Optional.of("the server no longer offers " + Nbd.CONTEXT_BASE_ALLOCATION);
    }
    if (storage.isPresent() && now.storage.isEmpty()) {
      return Optional.of("the server no longer knows its clients, and could not refuse dead ones");
    }
    for (Capability capability : Capability.values()) {
      if (has(capability.flag) && !now.has(capability.flag)) {
        return Optional.of("the server no longer offers " + capability.words);
      }
    }
    return Optional.empty();
  }

  /** Flags that a client, once it has seen them, relies on. */
  private enum Capability {
    FLUSH(Nbd.FLAG_SEND_FLUSH, "flush"),
    FUA(Nbd.FLAG_SEND_FUA, "durable writes (FUA)"),
    TRIM(Nbd.FLAG_SEND_TRIM, "trim"),
    WRITE_ZEROES(Nbd.FLAG_SEND_WRITE_ZEROES, "write zeroes"),
    FAST_ZERO(Nbd.FLAG_SEND_FAST_ZERO, "fast zeroes"),
    MULTI_CONN(Nbd.FLAG_CAN_MULTI_CONN, "a flush for all connections (multi-conn)");

    private final int flag;
    private final String words;

    Capability(int flag, String words) {
      this.flag = flag;
      this.words = words;
    }
  }
}
