package io.mirrorctl.core.format;

/** What was found where the bad-block log of a member should be. */
public sealed interface BadBlockLogRead {

  /** A log, every entry on the device. */
  record Valid(BadBlockLog log) implements BadBlockLogRead {}

  /** The superblock says that nothing is bad, or there is no log; what lies there was not read. */
  record Absent() implements BadBlockLogRead {}

  /** A log that cannot be right: any sector of the member may be bad. */
  record Corrupt(String field, String expected, String found) implements BadBlockLogRead {
    @Override
    public String toString() {
      return "bad-block log is corrupt: %s is %s, expected %s".formatted(field, found, expected);
    }
  }
}
