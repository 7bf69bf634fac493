package io.mirrorctl.core.format;

/** What was found where the claim block of a slot should be. */
public sealed interface ClaimRead {

  /** A block, every field in its range. */
  record Valid(ClaimBlock block) implements ClaimRead {}

  /** Zeroes, or anything that does not begin as a claim block does: nobody wrote one. */
  record Absent() implements ClaimRead {}

  /** It begins as one does, and cannot be right. */
  record Corrupt(String field, String expected, String found) implements ClaimRead {
    @Override
    public String toString() {
      return "claim block is corrupt: %s is %s, expected %s".formatted(field, found, expected);
    }
  }

  /**
   * A block of a later version of this program, so nobody knows what it says.
   *
   * @param checksum of its bytes, by which a change can be seen
   */
  record Unsupported(int version, int checksum) implements ClaimRead {}
}
