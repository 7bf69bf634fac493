package io.mirrorctl.core.format;

import java.util.Optional;

/** What was found where a superblock may be. */
public sealed interface SuperblockRead {

  /** A superblock of version 1.2 of a RAID1 array, every field in its range. */
  record Valid(Superblock superblock) implements SuperblockRead {}

  /**
   * No superblock of metadata version 1.
   *
   * @param reason what is there instead, for people
   */
  record Absent(String reason) implements SuperblockRead {}

  /** A superblock that was damaged or belongs elsewhere: nothing it says can be believed. */
  record Corrupt(String field, String expected, String found) implements SuperblockRead {
    @Override
    public String toString() {
      return "superblock is corrupt: %s is %s, expected %s".formatted(field, found, expected);
    }
  }

  /**
   * A superblock that is whole, its checksum right, and yet must not be used to assemble an array:
   * another level or version, an unknown feature, a value outside its range.
   *
   * @param superblock to be shown; its values are not checked
   * @param reason everything that stands against it, for people
   */
  record Unsupported(Superblock superblock, String reason) implements SuperblockRead {}

  /** The superblock that can be shown, valid or not supported. */
  default Optional<Superblock> examinable() {
    return switch (this) {
      case Valid(Superblock superblock) -> Optional.of(superblock);
      case Unsupported(Superblock superblock, String _) -> Optional.of(superblock);
      case Absent _, Corrupt _ -> Optional.empty();
    };
  }
}
