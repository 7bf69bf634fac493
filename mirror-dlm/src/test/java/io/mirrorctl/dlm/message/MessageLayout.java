package io.mirrorctl.dlm.message;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Where the fields of a kind lie, as docs/formats/messages.md says. */
record MessageLayout(List<int[]> fields) {
  private static final Path DOCUMENT = Path.of("../docs/formats/messages.md");
  private static final Pattern ROW = Pattern.compile("\\| (\\d+) \\| (\\d+) \\|.*");

  /** The layout under the heading {@code ### 0x.. Name}; names may have a word behind. */
  static MessageLayout of(String vector) {
    var fields = new ArrayList<int[]>();
    boolean here = false;
    boolean found = false;
    for (String line : lines()) {
      if (line.startsWith("#")) {
        String name = line.substring(line.lastIndexOf(' ') + 1);
        here = line.startsWith("### 0x") && vector.startsWith(name);
        found |= here;
      }
      var row = ROW.matcher(line);
      if (here && row.matches()) {
        fields.add(new int[] {Integer.parseInt(row.group(1)), Integer.parseInt(row.group(2))});
      }
    }
    if (!found) {
      throw new AssertionError(vector + " is not in " + DOCUMENT);
    }
    return new MessageLayout(fields);
  }

  boolean isField(int at) {
    return fields.stream().anyMatch(field -> at >= field[0] && at < field[0] + field[1]);
  }

  int used() {
    return fields.stream().mapToInt(field -> field[1]).sum();
  }

  private static List<String> lines() {
    try {
      return Files.readAllLines(DOCUMENT);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
