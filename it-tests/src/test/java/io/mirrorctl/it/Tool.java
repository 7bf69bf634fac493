package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.core.block.HostNeeds;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * An external program that runs to its end, with its output captured.
 *
 * <p>A program that is not installed is {@linkplain HostNeeds#unmet a need not met}. One that does
 * not end within the time limit (60 s unless said otherwise) or, in {@link #run}, ends with another
 * status than 0 fails the test with everything it printed. Whatever it started is killed when the
 * limit is over.
 */
public final class Tool {
  private static final Map<String, String> DEBIAN_PACKAGES =
      Map.ofEntries(
          Map.entry("nbdinfo", "libnbd-bin"),
          Map.entry("nbdcopy", "libnbd-bin"),
          Map.entry("nbdfuse", "libnbd-bin"),
          Map.entry("nbdsh", "python3-libnbd"),
          Map.entry("qemu-img", "qemu-utils"),
          Map.entry("qemu-io", "qemu-utils"),
          Map.entry("qemu-storage-daemon", "qemu-system-common"),
          Map.entry("mkfs.ext4", "e2fsprogs"),
          Map.entry("e2fsck", "e2fsprogs"),
          Map.entry("losetup", "mount"),
          Map.entry("fusermount3", "fuse3"),
          Map.entry("xz", "xz-utils"));

  private final List<String> command;
  private final Map<String, String> environment = new LinkedHashMap<>();
  private Duration limit = Duration.ofSeconds(60);
  private byte[] input = {};
  private Path directory;

  private Tool(List<String> command) {
    this.command = List.copyOf(command);
  }

  /** A program with its arguments; paths and numbers are taken as they print. */
  public static Tool of(Object... command) {
    return of(List.of(command));
  }

  /** A program with its arguments; paths and numbers are taken as they print. */
  public static Tool of(List<?> command) {
    return new Tool(command.stream().map(Object::toString).toList());
  }

  public Tool limit(Duration newLimit) {
    limit = newLimit;
    return this;
  }

  public Tool input(String text) {
    input = text.getBytes(UTF_8);
    return this;
  }

  public Tool environment(String name, Object value) {
    environment.put(name, value.toString());
    return this;
  }

  public Tool directory(Path newDirectory) {
    directory = newDirectory;
    return this;
  }

  /** Runs the program, which must end with status 0, and returns what it printed. */
  public Output run() {
    Output output = runToAnyEnd();
    if (output.status() != 0) {
      throw new AssertionError("%s failed: %s".formatted(command.getFirst(), output));
    }
    return output;
  }

  /** Runs the program and returns what it printed and how it ended. */
  public Output runToAnyEnd() {
    Process process = start();
    var out = readAll(process.getInputStream());
    var err = readAll(process.getErrorStream());
    try {
      Thread.ofVirtual().start(() -> feed(process));
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        killTree(process);
        throw new AssertionError(
            "%s did not end within %d s: %s"
                .formatted(
                    command.getFirst(),
                    limit.toSeconds(),
                    new Output(command, -1, text(out), text(err))));
      }
      return new Output(command, process.exitValue(), text(out), text(err));
    } catch (InterruptedException e) {
      killTree(process);
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted while %s ran".formatted(command), e);
    }
  }

  private Process start() {
    var builder = new ProcessBuilder(command);
    builder.environment().put("LC_ALL", "C.UTF-8");
    builder.environment().putAll(environment);
    builder.environment().merge("PATH", "/usr/sbin:/sbin", (path, sbin) -> path + ":" + sbin);
    if (directory != null) {
      builder.directory(directory.toFile());
    }
    try {
      return builder.start();
    } catch (IOException e) {
      String program = command.getFirst();
      throw HostNeeds.unmet(
          "cannot start %s: %s; on Debian it is in the package %s"
              .formatted(program, e.getMessage(), DEBIAN_PACKAGES.getOrDefault(program, program)));
    }
  }

  private void feed(Process process) {
    try (var stdin = process.getOutputStream()) {
      stdin.write(input);
    } catch (IOException e) {
      // it ended without reading all of it, which is its right
    }
  }

  private static CompletableFuture<byte[]> readAll(InputStream stream) {
    var all = new CompletableFuture<byte[]>();
    Thread.ofVirtual()
        .start(() -> {
          try {
            all.complete(stream.readAllBytes());
          } catch (IOException e) {
            all.completeExceptionally(new UncheckedIOException(e));
          }
        });
    return all;
  }

  private static String text(CompletableFuture<byte[]> bytes) {
    return new String(bytes.join(), UTF_8);
  }

  /** Ends a process and all that it started, at once; they are gone when this returns. */
  static void killTree(Process process) {
    var all = Stream.concat(process.descendants(), Stream.of(process.toHandle())).toList();
    all.forEach(ProcessHandle::destroyForcibly);
    all.forEach(one -> one.onExit().join());
  }

  /**
   * What a program printed and how it ended.
   *
   * @param status its exit status
   * @param out its standard output
   * @param err its standard error
   */
  public record Output(List<String> command, int status, String out, String err) {

    @Override
    public String toString() {
      return "status %d%n$ %s%n%s%s".formatted(status, String.join(" ", command), out, err);
    }
  }
}
