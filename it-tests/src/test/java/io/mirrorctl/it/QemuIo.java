package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.core.block.HostNeeds;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A qemu-io that has an export open and carries out one command after the other. */
final class QemuIo implements AutoCloseable {
  private static final String MARK = "no-such-command-";
  private static final String END = "";
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(60);

  private final Process process;
  private final Writer input;
  private final BlockingQueue<String> output = new LinkedBlockingQueue<>();
  private int commands;

  private QemuIo(Process process) {
    this.process = process;
    this.input = process.outputWriter(UTF_8);
    Thread.ofVirtual().start(this::readOutput);
  }

  /** Opens an export as a guest's disk without a cache on this host. */
  static QemuIo open(String uri) {
    try {
      return new QemuIo(
          new ProcessBuilder("stdbuf", "-oL", "qemu-io", "-f", "raw", "-t", "none", uri)
              .redirectErrorStream(true)
              .start());
    } catch (IOException e) {
      throw HostNeeds.unmet("cannot start qemu-io of Debian's qemu-utils: " + e.getMessage());
    }
  }

  private void readOutput() {
    try (var lines = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8))) {
      lines.lines().filter(line -> !line.equals(END)).forEach(output::add);
    } catch (IOException | UncheckedIOException e) {
      // it was killed
    }
    output.add(END);
  }

  /** Runs a command, which must succeed: reads with {@code -P} also find the pattern. */
  void run(String command) throws IOException, InterruptedException {
    input.write(command + "\n");
    List<String> said = outputUpTo(MARK + ++commands);
    String all = String.join("\n", said);
    if (all.contains("failed") || all.contains("error") || all.contains("not found")) {
      throw new AssertionError("%s: %s".formatted(command, all));
    }
    boolean moves = command.startsWith("write") || command.startsWith("read");
    if (moves && !all.contains("bytes at offset")) {
      throw new AssertionError("%s did nothing: %s".formatted(command, all));
    }
  }

  /**
   * It says nothing when a flush is done, but it complains of commands that it does not know; and
   * it may look at what it has read only when more comes.
   */
  private List<String> outputUpTo(String mark) throws IOException, InterruptedException {
    List<String> said = new ArrayList<>();
    long since = System.nanoTime();
    while (System.nanoTime() - since < PATIENCE_NANOS) {
      input.write(mark + "\n");
      input.flush();
      String line = output.poll(50, TimeUnit.MILLISECONDS);
      for (; line != null; line = output.poll()) {
        if (line.equals(END)) {
          throw new AssertionError("qemu-io has ended: " + said);
        }
        if (line.contains("\"" + mark + "\"")) {
          return said;
        }
        if (!line.contains(MARK)) {
          said.add(line);
        }
      }
    }
    throw new AssertionError("qemu-io does not answer: " + said);
  }

  /** Closes the disk as a guest does that ends. */
  void quit() throws IOException {
    input.write("quit\n");
    input.close();
    process.onExit().join();
  }

  @Override
  public void close() {
    Tool.killTree(process);
  }
}
