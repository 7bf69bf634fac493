package io.mirrorctl.cli.output;

import com.google.common.base.Ticker;
import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;

/**
 * Tells people how far long work is: a bar that is drawn anew on one line of a terminal, elsewhere
 * one line for every tenth.
 *
 * <p>Threading: one thread at a time.
 */
public final class Progress implements AutoCloseable {
  /** What every terminal has; a longer line would go on in the next and be drawn many times. */
  private static final int COLUMNS = 79;

  private static final int BAR = 20;
  private static final long REDRAW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final String CLEAR_TO_END = "\033[K";

  private final PrintWriter to;
  private final boolean terminal;
  private final Ticker ticker;
  private String lastTask = "";
  private int lastTenth;
  private String shown = "";
  private String latest = "";
  private long shownAt;

  /**
   * @param terminal whether somebody watches
   */
  public Progress(PrintWriter to, boolean terminal, Ticker ticker) {
    this.to = to;
    this.terminal = terminal;
    this.ticker = ticker;
  }

  /**
   * The work has come this far. What is done with less than before has begun anew.
   *
   * @param task names the work in one or two words
   * @param percent 0 to 100
   * @param more speed, time left and the like
   */
  public void at(String task, double percent, String more) {
    if (terminal) {
      latest = bar(percent) + PlainText.of("%s, %s".formatted(task, more));
      if (shown.isEmpty() || ticker.read() - shownAt >= REDRAW_NANOS) {
        draw();
      }
      return;
    }
    int tenth = (int) (percent / 10);
    if (!task.equals(lastTask) || tenth < lastTenth) {
      lastTask = task;
      lastTenth = 0;
    }
    if (tenth > lastTenth) {
      lastTenth = tenth;
      to.println(PlainText.of("%s: %d %%, %s".formatted(task, 10 * tenth, more)));
      to.flush();
    }
  }

  private static String bar(double percent) {
    int filled = (int) (Math.clamp(percent, 0, 100) * BAR / 100);
    return "[%s%s] %3d %% ".formatted("#".repeat(filled), ".".repeat(BAR - filled), (int) percent);
  }

  private void draw() {
    String line = latest.length() > COLUMNS ? latest.substring(0, COLUMNS) : latest;
    to.print("\r" + line + CLEAR_TO_END);
    to.flush();
    shown = latest;
    shownAt = ticker.read();
  }

  /** No more is to be told, whether the end was reached or not. */
  @Override
  public void close() {
    if (!shown.equals(latest)) {
      draw();
    }
    if (!shown.isEmpty()) {
      to.println();
      to.flush();
    }
  }
}
