package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.SyncState;
import io.mirrorctl.cli.output.Console;

/** Shows how far a resync, recovery, check or repair has come: a bar, or a line per 10 percent. */
final class SyncBar implements AutoCloseable {
  private static final int WIDTH = 30;

  private final Console console;
  private int lastTenth = -1;
  private boolean open;

  SyncBar(Console console) {
    this.console = console;
  }

  void show(SyncState sync) {
    int tenth = (int) (sync.percent() / 10);
    if (console.terminal()) {
      int filled = (int) (sync.percent() * WIDTH / 100);
      console
          .err()
          .print(
              "\r[%s%s] %s\033[K"
                  .formatted(
                      "#".repeat(filled), ".".repeat(WIDTH - filled), NodeReports.sync(sync)));
      open = true;
    } else if (tenth > lastTenth) {
      console.err().println(NodeReports.sync(sync));
    }
    lastTenth = tenth;
    console.err().flush();
  }

  @Override
  public void close() {
    if (open) {
      console.err().println();
      console.err().flush();
    }
  }
}
