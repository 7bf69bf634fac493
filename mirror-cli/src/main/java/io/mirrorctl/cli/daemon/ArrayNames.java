package io.mirrorctl.cli.daemon;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The names a node may know arrays by; they are NBD export names and command line words, too. */
public final class ArrayNames {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._:-]{0,63}");

  private ArrayNames() {}

  /** Whether this can be one. */
  static boolean isOne(String name) {
    return NAME.matcher(name).matches();
  }

  /**
   * Returns the name.
   *
   * @throws IllegalArgumentException if it cannot be one
   */
  public static String check(@Nullable String name) {
    if (name == null || !NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "\"%s\" cannot be an array's name: 1 to 64 letters, digits and . _ : -, a letter or digit first"
              .formatted(name));
    }
    return name;
  }
}
