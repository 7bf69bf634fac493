package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A set of numbers from 0 to 255. On the wire: 32 bytes, number {@code i} is bit {@code i % 8} of
 * byte {@code i / 8}.
 *
 * @param w0 numbers 0 to 63, 0 in the lowest bit
 * @param w1 numbers 64 to 127
 * @param w2 numbers 128 to 191
 * @param w3 numbers 192 to 255
 */
public record Bits256(long w0, long w1, long w2, long w3) {
  /** How many numbers there are. */
  public static final int SIZE = 256;

  /** No number. */
  public static final Bits256 NONE = new Bits256(0, 0, 0, 0);

  /** The set of these numbers. */
  public static Bits256 of(int... numbers) {
    long[] words = new long[4];
    for (int number : numbers) {
      checkArgument(number >= 0 && number < SIZE, "%s is not in 0..255", number);
      words[number / Long.SIZE] |= 1L << number;
    }
    return new Bits256(words[0], words[1], words[2], words[3]);
  }

  /** Whether the number, from 0 to 255, is in the set. */
  public boolean contains(int number) {
    checkArgument(number >= 0 && number < SIZE, "%s is not in 0..255", number);
    return (word(number / Long.SIZE) & 1L << number) != 0;
  }

  /** What is in this set, the other one, or both. */
  public Bits256 or(Bits256 other) {
    return new Bits256(w0 | other.w0, w1 | other.w1, w2 | other.w2, w3 | other.w3);
  }

  /** The numbers, rising. */
  public IntStream stream() {
    return IntStream.range(0, SIZE).filter(this::contains);
  }

  /** The largest number, or -1 if there is none. */
  int last() {
    return stream().max().orElse(-1);
  }

  public boolean isEmpty() {
    return (w0 | w1 | w2 | w3) == 0;
  }

  long word(int index) {
    return switch (index) {
      case 0 -> w0;
      case 1 -> w1;
      case 2 -> w2;
      case 3 -> w3;
      default -> throw new IndexOutOfBoundsException(index);
    };
  }

  /** The numbers in braces. */
  @Override
  public String toString() {
    return stream().mapToObj(Integer::toString).collect(Collectors.joining(",", "{", "}"));
  }
}
