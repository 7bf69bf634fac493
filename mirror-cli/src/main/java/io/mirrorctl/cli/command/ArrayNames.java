package io.mirrorctl.cli.command;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Pattern;

/** Names of arrays and clusters: what is allowed, and how superblocks tell them. */
final class ArrayNames {
  /** The field in the superblock has 32 bytes, the last is NUL as with mdadm. */
  private static final int MOST_BYTES = 31;

  private static final int MOST_CLUSTER_BYTES = 63;
  private static final Pattern ALLOWED = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.+-]*");

  private ArrayNames() {}

  /** Why this is no name for an array; empty if it is one. */
  static Optional<String> objection(String name) {
    return objection(name, MOST_BYTES);
  }

  /** Why this is no name for a cluster; empty if it is one. */
  static Optional<String> objectionToCluster(String name) {
    return objection(name, MOST_CLUSTER_BYTES);
  }

  private static Optional<String> objection(String name, int most) {
    if (!ALLOWED.matcher(name).matches()) {
      return Optional.of(
          "\"%s\": a name has letters, digits and _ . + - only, and begins with none of . + -"
              .formatted(name));
    }
    return name.length() > most
        ? Optional.of("\"%s\": a name has at most %d characters".formatted(name, most))
        : Optional.empty();
  }

  /** The name with its prefix, as mdadm puts it into superblocks: without if it does not fit. */
  static String inSuperblock(String prefix, String name) {
    String full = prefix + ":" + name;
    boolean fits = !prefix.isEmpty() && full.getBytes(StandardCharsets.UTF_8).length <= MOST_BYTES;
    return fits ? full : name;
  }
}
