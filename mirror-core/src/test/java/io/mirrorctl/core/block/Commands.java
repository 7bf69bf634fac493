package io.mirrorctl.core.block;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Runs programs of the host for tests. */
final class Commands {
  private Commands() {}

  /** What the program printed; fails with it if the program fails. */
  static String run(String... command) throws IOException {
    Result result = tryToRun(command);
    if (result.exitCode() != 0) {
      throw new IOException(List.of(command) + " failed: " + result.output());
    }
    return result.output();
  }

  /** How a program ended. */
  record Result(int exitCode, String output) {}

  static Result tryToRun(String... command) throws IOException {
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw HostNeeds.unmet(e.getMessage());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      return new Result(process.waitFor(), output.strip());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("waiting for " + List.of(command));
    }
  }
}
