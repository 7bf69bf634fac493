package io.mirrorctl.cli.output;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Where a command says what it has to say: reports on standard output, everything else on standard
 * error.
 *
 * <p>Threading: safe from any thread.
 *
 * @param format of the reports
 * @param terminal whether somebody watches standard error
 */
public record Console(PrintWriter out, PrintWriter err, Format format, boolean terminal) {
  private static final String PREFIX = "mirrorctl: ";

  /** Whether this process's standard error is a terminal. */
  public static boolean standardErrorIsTerminal() {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false;
    }
  }

  /** Prints one report. */
  public void print(Report report) {
    print(List.of(report));
  }

  /** Prints reports; as JSON one is an object, several are an array. */
  public void print(List<Report> reports) {
    out.print(format.render(reports));
    out.flush();
  }

  /** Whether reports are for people. */
  public boolean isForPeople() {
    return format == Format.TEXT;
  }

  /** Tells people how far long work is; close it when the work ends. */
  public Progress progress(Env env) {
    return new Progress(err, terminal, env.ticker());
  }

  /** The same for work that is measured in bytes. */
  public ByteProgress progress(String task, long totalBytes, Env env) {
    return new ByteProgress(progress(env), task, totalBytes, env.ticker());
  }

  /** Tells people something that is no result. */
  @FormatMethod
  public void note(@FormatString String text, Object... arguments) {
    err.println(PREFIX + "note: " + PlainText.of(text.formatted(arguments)));
    err.flush();
  }

  /** Tells people why the command failed. */
  public void fail(Failure failure) {
    err.println(PREFIX + failure.text());
    err.flush();
  }
}
