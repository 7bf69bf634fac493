package io.mirrorctl.it;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The command as users run it: by the launcher, in a process of its own. */
final class Launched {
  private static final Path LAUNCHER =
      Path.of("../mirror-cli/bin/mirrorctl").toAbsolutePath().normalize();
  private static final Duration WITH_A_BUILD = Duration.ofMinutes(10);

  private Launched() {}

  /** A run of the command, not yet started. */
  static Tool of(Object... arguments) {
    var command = new ArrayList<Object>(List.of(LAUNCHER));
    command.addAll(List.of(arguments));
    return Tool.of(command).limit(WITH_A_BUILD);
  }
}
