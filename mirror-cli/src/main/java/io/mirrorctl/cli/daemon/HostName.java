package io.mirrorctl.cli.daemon;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The name of this host, which superblocks of its own arrays begin with. */
public final class HostName {
  private static final Path FILE = Path.of("/proc/sys/kernel/hostname");

  private HostName() {}

  /** The name; empty if it has none. */
  public static String ours() {
    try {
      return Files.readString(FILE, StandardCharsets.UTF_8).strip();
    } catch (IOException e) {
      return "";
    }
  }
}
