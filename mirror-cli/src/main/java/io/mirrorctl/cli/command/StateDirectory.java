package io.mirrorctl.cli.command;

import static com.google.common.base.Strings.isNullOrEmpty;

import java.nio.file.Path;
import java.util.Map;

/** Where a process keeps what has to outlive it. */
final class StateDirectory {
  private StateDirectory() {}

  /** The directory of this program, for this user. */
  static Path ours() {
    return state(System.getenv(), System.getProperty("user.name"), System.getProperty("user.home"))
        .resolve("mirrorctl");
  }

  private static Path state(Map<String, String> environment, String user, String home) {
    String named = environment.get("XDG_STATE_HOME");
    if (!isNullOrEmpty(named)) {
      return Path.of(named);
    }
    return "root".equals(user) ? Path.of("/var/lib") : Path.of(home, ".local", "state");
  }
}
