package io.mirrorctl.cli;

import io.mirrorctl.cli.command.Mirrorctl;

/** The command {@code mirrorctl}. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.exit(Mirrorctl.commandLine().execute(args));
  }
}
