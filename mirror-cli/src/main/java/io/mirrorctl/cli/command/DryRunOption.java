package io.mirrorctl.cli.command;

import picocli.CommandLine.Option;

/** Of commands that can say what they would do. */
final class DryRunOption {
  @Option(
      names = "--dry-run",
      description =
          "Check all that can be checked, say what would be done, and change nothing; fails as the"
              + " command would.")
  private boolean given;

  /** Whether nothing is to be changed. */
  boolean isGiven() {
    return given;
  }
}
