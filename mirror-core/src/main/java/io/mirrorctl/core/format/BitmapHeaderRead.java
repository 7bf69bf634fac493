package io.mirrorctl.core.format;

/** What was found where the header of a bitmap slot should be. */
public sealed interface BitmapHeaderRead {

  /** A header, every field in its range; the bitmap may still be stale by its own word. */
  record Valid(BitmapHeader header) implements BitmapHeaderRead {}

  /** Zeroes: nobody ever wrote a header here. */
  record Absent() implements BitmapHeaderRead {}

  /** Something else, or a header with a value that cannot be right: the slot's bits are lost. */
  record Corrupt(String field, String expected, String found) implements BitmapHeaderRead {
    @Override
    public String toString() {
      return "bitmap header is corrupt: %s is %s, expected %s".formatted(field, found, expected);
    }
  }

  /**
   * A header of a kind this engine does not handle.
   *
   * @param header to be shown; its values are not checked
   * @param reason for people
   */
  record Unsupported(BitmapHeader header, String reason) implements BitmapHeaderRead {}
}
