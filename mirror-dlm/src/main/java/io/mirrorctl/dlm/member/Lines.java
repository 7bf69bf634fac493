package io.mirrorctl.dlm.member;

import com.google.common.base.Splitter;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;

/**
 * A record of lines {@code key value}, the first of which names its kind and its version. Keys come
 * in a fixed order, so that equal records are equal bytes.
 */
final class Lines {
  /** What a record of more nodes than there can be would still not reach. */
  private static final int MOST_BYTES = 512 * 1024;

  private static final Splitter AT_LINE = Splitter.on('\n');
  private static final Splitter AT_SPACE = Splitter.on(' ');

  private final String path;
  private final List<String> lines;
  private int next;

  private Lines(String path, List<String> lines) {
    this.path = path;
    this.lines = lines;
  }

  /** Opens a record and reads its first line. */
  static Lines of(String path, Bytes data, String kind, int version)
      throws UnreadableRecordException {
    if (data.size() > MOST_BYTES) {
      throw new UnreadableRecordException(
          "%s: %d bytes, at most %d are expected".formatted(path, data.size(), MOST_BYTES));
    }
    String text = data.text();
    if (!Bytes.utf8(text).equals(data) || !text.endsWith("\n")) {
      throw new UnreadableRecordException(path + ": not a record of text lines");
    }
    Lines lines = new Lines(path, AT_LINE.splitToList(text.substring(0, text.length() - 1)));
    String found = lines.value(kind);
    if (!found.equals(Integer.toString(version))) {
      throw lines.broken(
          "version %s of %s; this program knows version %d".formatted(found, kind, version));
    }
    return lines;
  }

  boolean at(String key) {
    return next < lines.size() && lines.get(next).startsWith(key + " ");
  }

  /** The value of the next line, which must have this key. */
  String value(String key) throws UnreadableRecordException {
    if (!at(key)) {
      throw broken("line %d should be \"%s\"".formatted(next + 1, key));
    }
    return lines.get(next++).substring(key.length() + 1);
  }

  long number(String key, long least, long most) throws UnreadableRecordException {
    return parsed(value(key), least, most);
  }

  /** The parts of the next line's value. */
  List<String> parts(String key, int count) throws UnreadableRecordException {
    List<String> parts = AT_SPACE.splitToList(value(key));
    if (parts.size() != count) {
      throw broken("line %d: %d values, not %d".formatted(next, parts.size(), count));
    }
    return parts;
  }

  long parsed(String text, long least, long most) throws UnreadableRecordException {
    long number;
    try {
      number = Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw broken("line %d: \"%s\" is not a number".formatted(next, text));
    }
    if (number < least || number > most || !Long.toString(number).equals(text)) {
      throw broken(
          "line %d: %s; it must be %d to %d, plainly written".formatted(next, text, least, most));
    }
    return number;
  }

  <E extends Enum<E>> E word(String text, Class<E> words) throws UnreadableRecordException {
    for (E word : words.getEnumConstants()) {
      if (word.name().equals(text)) {
        return word;
      }
    }
    throw broken("line %d: \"%s\" is not known".formatted(next, text));
  }

  Incarnation incarnation(String text) throws UnreadableRecordException {
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw broken("line %d: \"%s\" is no node/incarnation".formatted(next, text));
    }
    return new Incarnation(
        (int) parsed(text.substring(0, slash), 1, MemberSettings.MOST_NODES),
        parsed(text.substring(slash + 1), 1, Long.MAX_VALUE));
  }

  void end() throws UnreadableRecordException {
    if (next != lines.size()) {
      throw broken("line %d was not expected: \"%s\"".formatted(next + 1, lines.get(next)));
    }
  }

  UnreadableRecordException broken(String why) {
    return new UnreadableRecordException(path + ": " + why);
  }

  /** As {@link #incarnation} reads it. */
  static String text(Incarnation id) {
    return id.node() + "/" + id.number();
  }
}
