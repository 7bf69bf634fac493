package io.mirrorctl.cli.output;

import com.google.common.base.Ticker;
import java.util.concurrent.TimeUnit;

/**
 * Progress of work that is measured in bytes, with speed and time left.
 *
 * <p>Threading: one thread at a time.
 */
public final class ByteProgress implements AutoCloseable {
  private final Progress progress;
  private final String task;
  private final long totalBytes;
  private final Ticker ticker;
  private final long startNanos;

  /**
   * @param task names the work in one or two words
   */
  ByteProgress(Progress progress, String task, long totalBytes, Ticker ticker) {
    this.progress = progress;
    this.task = task + " of " + ByteSize.text(totalBytes);
    this.totalBytes = totalBytes;
    this.ticker = ticker;
    this.startNanos = ticker.read();
  }

  /**
   * The work has come this far.
   *
   * @param bytes in all; never less than before
   */
  public void at(long bytes) {
    if (totalBytes <= 0) {
      return;
    }
    double seconds = (double) Math.max(1, ticker.read() - startNanos) / TimeUnit.SECONDS.toNanos(1);
    double perSecond = bytes / seconds;
    String speed = ByteSize.text((long) perSecond) + "/s";
    progress.at(
        task,
        100.0 * bytes / totalBytes,
        bytes == 0 ? speed : speed + ", " + timeLeft(Math.round((totalBytes - bytes) / perSecond)));
  }

  /** A time for people, as in {@code 59 s left}. */
  public static String timeLeft(long seconds) {
    return seconds < 60
        ? seconds + " s left"
        : seconds < 3600
            ? "%d:%02d min left".formatted(seconds / 60, seconds % 60)
            : "%d:%02d h left".formatted(seconds / 3600, seconds % 3600 / 60);
  }

  @Override
  public void close() {
    progress.close();
  }
}
