package io.mirrorctl.cli;

/** The command {@code mirrorctl}. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.err.println("mirrorctl: no command yet");
    System.exit(2);
  }
}
