package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.HostNeeds;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs programs of the host to their end. */
final class Program {
  private static final int LIMIT_SECONDS = 60;

  private Program() {}

  /**
   * What a program left.
   *
   * @param out standard output
   * @param err standard error
   */
  record Result(List<String> command, int status, String out, String err) {
    Result mustSucceed() {
      if (status != 0) {
        throw new AssertionError("%s ended with %d: %s%s".formatted(command, status, out, err));
      }
      return this;
    }
  }

  /** Runs a program that has to succeed, and returns its standard output. */
  static String run(Object... command) throws Exception {
    return toAnyEnd(command).mustSucceed().out();
  }

  /** Runs a program; arguments are taken as they print. */
  static Result toAnyEnd(Object... command) throws Exception {
    List<String> words = Arrays.stream(command).map(Object::toString).toList();
    Path out = Files.createTempFile("nbd", ".out");
    Path err = Files.createTempFile("nbd", ".err");
    try {
      var builder = new ProcessBuilder(words);
      builder.environment().put("LC_ALL", "C.UTF-8");
      Process process = start(builder.redirectOutput(out.toFile()).redirectError(err.toFile()));
      process.getOutputStream().close();
      boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (!ended) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly().waitFor();
      }
      var result = new Result(words, process.exitValue(), text(out), text(err));
      if (!ended) {
        throw new AssertionError("did not end in %d s: %s".formatted(LIMIT_SECONDS, result));
      }
      return result;
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  private static Process start(ProcessBuilder builder) {
    try {
      return builder.start();
    } catch (IOException e) {
      throw HostNeeds.unmet(e.getMessage());
    }
  }

  private static String text(Path file) throws IOException {
    return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).strip();
  }
}
