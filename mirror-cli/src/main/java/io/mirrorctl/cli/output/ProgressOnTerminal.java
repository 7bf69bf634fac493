package io.mirrorctl.cli.output;

import java.io.PrintWriter;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.Locale;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar that is drawn anew on one line. */
final class ProgressOnTerminal implements Progress {
  private static final int WIDTH = 79;
  private static final int REDRAW_MILLIS = 200;

  private final PrintWriter to;
  private final ProgressBar bar;

  ProgressOnTerminal(String task, long totalBytes, PrintWriter to) {
    this.to = to;
    this.bar =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(totalBytes)
            .setUnit("MiB", 1 << 20)
            .setUpdateIntervalMillis(REDRAW_MILLIS)
            .setStyle(ProgressBarStyle.ASCII)
            .showSpeed(new DecimalFormat("0", DecimalFormatSymbols.getInstance(Locale.ROOT)))
            .setConsumer(new DelegatingProgressBarConsumer(this::draw, WIDTH))
            .build();
  }

  private void draw(String line) {
    to.print("\r" + line);
    to.flush();
  }

  @Override
  public void at(long bytes) {
    bar.stepTo(bytes);
  }

  @Override
  public void close() {
    bar.close();
    to.println();
    to.flush();
  }
}
