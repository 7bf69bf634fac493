package io.mirrorctl.dlm.lock;

import com.google.common.base.Preconditions;
import com.google.common.collect.ImmutableSortedMap;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What all members of a lockspace have to agree upon; fixed by the first one.
 *
 * @param slots how many members it may have, those whose slot waits for a takeover counted
 * @param parameters what else must be the same on every member, by name; at most {@link
 *     #MAX_PARAMETERS}, each name and text at most {@link #MAX_TEXT_BYTES} in UTF-8
 */
public record LockspaceSettings(int slots, Map<String, String> parameters) {
  /** The most slots a lockspace may have: as many as a clustered bitmap. */
  public static final int MAX_SLOTS = 256;

  /** The most parameters a lockspace may have. */
  public static final int MAX_PARAMETERS = 64;

  /** The longest name or text of a parameter, in bytes. */
  public static final int MAX_TEXT_BYTES = 255;

  public LockspaceSettings {
    Preconditions.checkArgument(
        slots >= 1 && slots <= MAX_SLOTS,
        "a lockspace has 1 to %s slots, not %s",
        MAX_SLOTS,
        slots);
    Preconditions.checkArgument(
        parameters.size() <= MAX_PARAMETERS,
        "a lockspace has at most %s parameters",
        MAX_PARAMETERS);
    parameters.forEach((name, text) -> {
      checkText(name);
      checkText(text);
    });
    parameters = ImmutableSortedMap.copyOf(parameters);
  }

  private static void checkText(String text) {
    Preconditions.checkArgument(
        text.getBytes(StandardCharsets.UTF_8).length <= MAX_TEXT_BYTES,
        "a parameter's name and text have at most %s bytes: '%s'",
        MAX_TEXT_BYTES,
        text);
  }
}
