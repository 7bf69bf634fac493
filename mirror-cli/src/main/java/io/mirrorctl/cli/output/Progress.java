package io.mirrorctl.cli.output;

import com.google.common.base.Ticker;
import java.io.PrintWriter;

/**
 * Tells people how far long work is: a bar with speed and time left on a terminal, elsewhere one
 * line for every tenth.
 *
 * <p>Threading: one thread at a time.
 */
public interface Progress extends AutoCloseable {

  /**
   * The work has come this far.
   *
   * @param bytes in all; never less than before
   */
  void at(long bytes);

  /** No more is to be told; says so on a terminal, whether the end was reached or not. */
  @Override
  void close();

  /**
   * Progress for one piece of work.
   *
   * @param task names the work in one or two words
   */
  static Progress of(
      String task, long totalBytes, PrintWriter to, boolean terminal, Ticker ticker) {
    return terminal
        ? new ProgressOnTerminal(task, totalBytes, to)
        : new ProgressInLines(task, totalBytes, to, ticker);
  }
}
