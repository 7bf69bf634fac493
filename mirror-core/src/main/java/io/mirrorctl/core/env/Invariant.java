package io.mirrorctl.core.env;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;

/** Promises of the engine to itself. A broken one is a bug: fail the node, keep the data. */
public final class Invariant {
  private Invariant() {}

  /**
   * Throws {@link AssertionError} with the message unless the promise holds; never switched off.
   */
  @FormatMethod
  public static void check(boolean holds, @FormatString String message, Object... args) {
    if (!holds) {
      throw new AssertionError(message.formatted(args));
    }
  }
}
