package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;

/**
 * A disk that may become a member of an array being assembled.
 *
 * @param device open
 * @param metadata all that its head says
 * @param superblock the valid superblock in it
 */
record Candidate(BlockDevice device, MemberMetadata metadata, Superblock superblock) {

  /** Reads a disk's head; refuses a disk that cannot be a member. */
  static Candidate read(BlockDevice device) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    return switch (metadata.superblock()) {
      case SuperblockRead.Valid valid -> new Candidate(device, metadata, valid.superblock());
      case SuperblockRead.Absent absent ->
          throw ArrayException.failed(
              "%s: not a member of an array: %s".formatted(device.name(), absent.reason()));
      case SuperblockRead.Corrupt corrupt ->
          throw ArrayException.failed(
              "%s: superblock is corrupt: %s is %s, expected %s; leave the disk out (--run starts a degraded array), later add it again"
                  .formatted(device.name(), corrupt.field(), corrupt.found(), corrupt.expected()));
      case SuperblockRead.Unsupported unsupported ->
          throw ArrayException.failed(
              "%s: cannot be assembled: %s".formatted(device.name(), unsupported.reason()));
    };
  }

  String disk() {
    return device.name();
  }
}
