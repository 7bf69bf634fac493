package io.mirrorctl.dlm.store;

/** Paths in a {@link Store}: {@code /a/b}; {@code /} is the root, which is always there. */
public final class StorePath {
  /** Where everything is. Can be watched and its children listed, but not read or changed. */
  public static final String ROOT = "/";

  private StorePath() {}

  /**
   * The path of an entry, as it is.
   *
   * @throws IllegalArgumentException for the root and for what is no path
   */
  public static String entry(String path) {
    if (path.equals(ROOT)) {
      throw new IllegalArgumentException("the root of a store is no entry");
    }
    return any(path);
  }

  /**
   * The path, as it is.
   *
   * @throws IllegalArgumentException for what is no path
   */
  public static String any(String path) {
    if (!path.equals(ROOT)) {
      if (!path.startsWith("/")) {
        throw new IllegalArgumentException("path \"%s\" does not begin with /".formatted(path));
      }
      for (String part : path.substring(1).split("/", -1)) {
        if (part.isEmpty() || part.equals(".") || part.equals("..") || !isPlain(part)) {
          throw new IllegalArgumentException(
              "path \"%s\" has a part that is empty, \".\", \"..\" or not plain".formatted(path));
        }
      }
    }
    return path;
  }

  private static boolean isPlain(String part) {
    return part.chars().allMatch(c -> c > ' ' && c < 0x7f);
  }

  /** The path above an entry's. */
  public static String parent(String entry) {
    int slash = entry.lastIndexOf('/');
    return slash == 0 ? ROOT : entry.substring(0, slash);
  }

  /** The last part of an entry's path. */
  public static String name(String entry) {
    return entry.substring(entry.lastIndexOf('/') + 1);
  }

  /** Whether an entry is at the path or below it. */
  public static boolean isWithin(String entry, String path) {
    return path.equals(ROOT) || entry.equals(path) || entry.startsWith(path + "/");
  }
}
