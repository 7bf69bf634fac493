package io.mirrorctl.cli.output;

import com.google.common.base.Ticker;
import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;

/** A line for every tenth, for logs. */
final class ProgressInLines implements Progress {
  private static final int STEP_PERCENT = 10;

  private final String task;
  private final long totalBytes;
  private final PrintWriter to;
  private final Ticker ticker;
  private final long startNanos;
  private int told;

  ProgressInLines(String task, long totalBytes, PrintWriter to, Ticker ticker) {
    this.task = task;
    this.totalBytes = totalBytes;
    this.to = to;
    this.ticker = ticker;
    this.startNanos = ticker.read();
  }

  @Override
  public void at(long bytes) {
    if (totalBytes <= 0) {
      return;
    }
    int percent = (int) (100.0 * bytes / totalBytes);
    int step = percent - percent % STEP_PERCENT;
    if (step <= told) {
      return;
    }
    told = step;
    double seconds = (double) Math.max(1, ticker.read() - startNanos) / TimeUnit.SECONDS.toNanos(1);
    double perSecond = bytes / seconds;
    long left = Math.round((totalBytes - bytes) / perSecond);
    to.println(
        "%s: %d %% of %s, %s/s, %d s left"
            .formatted(
                task, step, ByteSize.text(totalBytes), ByteSize.text((long) perSecond), left));
    to.flush();
  }

  @Override
  public void close() {
    // the last line was the last word
  }
}
