package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The kernel's list of mounts. */
final class Mounts {
  private Mounts() {}

  static boolean isMountPoint(Path path) {
    String wanted = path.toAbsolutePath().normalize().toString();
    try (var lines = Files.lines(Path.of("/proc/self/mounts"))) {
      return lines.anyMatch(line -> unescape(line.split(" ", 3)[1]).equals(wanted));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Takes a mount away, also one whose server is gone. Does nothing if there is none. */
  static void detach(Path path) {
    if (isMountPoint(path)) {
      Tool.of("umount", "--lazy", path).run();
    }
  }

  private static String unescape(String field) {
    return field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
  }
}
