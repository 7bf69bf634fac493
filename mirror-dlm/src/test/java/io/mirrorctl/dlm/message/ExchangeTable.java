package io.mirrorctl.dlm.message;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The modes after each step of the exchange, as docs/protocols/broadcast.md draws them. */
record ExchangeTable(List<Row> rows) {
  private static final Path DOCUMENT = Path.of("../docs/protocols/broadcast.md");

  /** Modes of the sender's three locks and the receiver's two. */
  record Row(String token, String message, String ack, String received, String answered) {}

  /** The table below this heading. */
  static ExchangeTable read(String heading) {
    try {
      var lines = Files.readAllLines(DOCUMENT);
      return new ExchangeTable(
          lines.stream()
              .skip(lines.indexOf("## " + heading) + 1L)
              .takeWhile(line -> !line.startsWith("## "))
              .filter(line -> line.matches("\\| \\d \\| [SR]? ?\\|.*"))
              .map(line -> Splitter.on('|').trimResults().splitToList(line))
              .filter(cells -> cells.size() == 10)
              .map(cells ->
                  new Row(cells.get(4), cells.get(5), cells.get(6), cells.get(7), cells.get(8)))
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
