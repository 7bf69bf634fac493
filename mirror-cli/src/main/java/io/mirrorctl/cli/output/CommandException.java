package io.mirrorctl.cli.output;

import java.io.IOException;

/** A command ends here: with this exit code, and this sentence for people. */
public final class CommandException extends IOException {
  private static final long serialVersionUID = 1L;

  private final ExitCode code;

  /**
   * @param message {@code WHAT: WHY; what to do}
   */
  public CommandException(ExitCode code, String message) {
    super(message);
    this.code = code;
  }

  /**
   * @param message {@code WHAT: WHY; what to do}
   */
  public CommandException(ExitCode code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public ExitCode code() {
    return code;
  }
}
