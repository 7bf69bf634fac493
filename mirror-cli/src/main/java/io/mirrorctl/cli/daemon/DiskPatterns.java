package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.nbd.NbdUri;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The places where disks are looked for: absolute paths, in which each name may have the shell's
 * {@code *}, {@code ?} and {@code [...]}, and NBD URLs.
 *
 * <p>Threading: stateless.
 */
final class DiskPatterns {
  private static final Pattern WILD = Pattern.compile("[*?\\[{]");

  /** The type in {@code st_mode}, and that of block devices. */
  private static final int TYPE = 0xF000;

  private static final int BLOCK_DEVICE = 0x6000;

  private DiskPatterns() {}

  /**
   * Returns the pattern.
   *
   * @throws IllegalArgumentException if it can name no disk
   */
  static String check(String pattern) {
    if (NbdUri.looksLike(pattern)) {
      return NbdUri.parse(pattern).toString();
    }
    if (!pattern.startsWith("/")) {
      throw new IllegalArgumentException(
          "\"%s\" is neither an absolute path nor an NBD URL".formatted(pattern));
    }
    try {
      for (Path name : Path.of(pattern)) {
        var _ = name.getFileSystem().getPathMatcher("glob:" + name);
      }
    } catch (InvalidPathException | PatternSyntaxException e) {
      throw new IllegalArgumentException(
          "\"%s\" is no path: %s".formatted(pattern, e.getMessage()), e);
    }
    return pattern;
  }

  /**
   * The regular files and block devices that the patterns fit, and the URLs. A disk that several
   * paths lead to is named by the first of them, in the order of the patterns, then by name.
   */
  static List<String> expand(List<String> patterns) {
    Map<Object, String> disks = new LinkedHashMap<>();
    for (String pattern : patterns) {
      if (NbdUri.looksLike(pattern)) {
        disks.putIfAbsent(pattern, pattern);
        continue;
      }
      for (Path path : paths(pattern)) {
        if (isDisk(path)) {
          disks.putIfAbsent(real(path), path.toString());
        }
      }
    }
    return List.copyOf(disks.values());
  }

  private static List<Path> paths(String pattern) {
    List<Path> found = List.of(Path.of("/"));
    for (Path name : Path.of(pattern).normalize()) {
      List<Path> deeper = new ArrayList<>();
      for (Path directory : found) {
        if (WILD.matcher(name.toString()).find()) {
          deeper.addAll(matching(directory, name.toString()));
        } else {
          deeper.add(directory.resolve(name));
        }
      }
      found = deeper;
    }
    return found;
  }

  /** As a shell does it: hidden files only if the pattern says so. */
  private static List<Path> matching(Path directory, String glob) {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, glob)) {
      List<Path> names = new ArrayList<>();
      for (Path entry : entries) {
        if (glob.startsWith(".") || !entry.getFileName().toString().startsWith(".")) {
          names.add(entry);
        }
      }
      names.sort(null);
      return names;
    } catch (IOException | DirectoryIteratorException e) {
      return List.of(); // no such directory, or none that we may read
    }
  }

  /** Anything else is never opened: a FIFO would hang, a tape would wind. */
  private static boolean isDisk(Path path) {
    try {
      int mode = (Integer) Files.getAttribute(path, "unix:mode");
      return Files.isRegularFile(path) || (mode & TYPE) == BLOCK_DEVICE;
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      return path; // gone meanwhile
    }
  }
}
