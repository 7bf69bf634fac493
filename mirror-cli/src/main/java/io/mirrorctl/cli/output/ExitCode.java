package io.mirrorctl.cli.output;

/** How a command ended, for scripts. The numbers are part of the contract. */
public enum ExitCode {
  /** What was asked for is done; a comparison found no difference. */
  DONE(0),
  /** It could not be done, or a comparison found differences. */
  FAILED(1),
  /** The command line is wrong. */
  USAGE(2),
  /** No node answers. */
  NO_NODE(3),
  /** Refused because data might be lost. */
  PROTECTED(4);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  /** The status of the process. */
  public int code() {
    return code;
  }
}
