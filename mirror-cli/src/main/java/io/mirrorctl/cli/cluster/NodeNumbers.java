package io.mirrorctl.cli.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.dlm.store.Bytes;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Whose number is whose, once and for all: names are for people, numbers for the records. Kept in
 * one entry, so that two nodes cannot take one number, nor one name two: docs/formats/znodes.md.
 *
 * @param names by number
 */
record NodeNumbers(SortedMap<Integer, String> names) {
  /** The entry. */
  static final String PATH = "/names";

  static final int HIGHEST = 64;
  private static final int LONGEST_NAME = 128;
  private static final String HEADER = "mirrorctl-names 1";

  /** Nobody has a number. */
  static final NodeNumbers NONE = new NodeNumbers(new TreeMap<>());

  static void checkName(String name) {
    checkArgument(
        !name.isEmpty()
            && name.length() <= LONGEST_NAME
            && name.chars().noneMatch(c -> c <= ' ' || c == 127),
        "the node's name \"%s\" is empty, has a blank in it, or more than %s characters",
        name,
        LONGEST_NAME);
  }

  Optional<Integer> numberOf(String name) {
    return names.entrySet().stream()
        .filter(entry -> entry.getValue().equals(name))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** What people call the node. */
  String nameOf(int number) {
    return names.getOrDefault(number, "#" + number);
  }

  /** The lowest number that nobody has. */
  Optional<Integer> free() {
    for (int number = 1; number <= HIGHEST; number++) {
      if (!names.containsKey(number)) {
        return Optional.of(number);
      }
    }
    return Optional.empty();
  }

  NodeNumbers with(int number, String name) {
    var more = new TreeMap<>(names);
    more.put(number, name);
    return new NodeNumbers(more);
  }

  Bytes encode() {
    var text = new StringBuilder(HEADER).append('\n');
    names.forEach((number, name) -> text.append(number).append(' ').append(name).append('\n'));
    return Bytes.utf8(text.toString());
  }

  /**
   * Reads the entry.
   *
   * @throws IllegalArgumentException naming the line that cannot be understood
   */
  static NodeNumbers decode(Bytes data) {
    var names = new TreeMap<Integer, String>();
    boolean first = true;
    for (String line : data.text().lines().toList()) {
      if (first) {
        checkArgument(line.equals(HEADER), "%s begins with \"%s\": not ours", PATH, line);
        first = false;
        continue;
      }
      int blank = line.indexOf(' ');
      checkArgument(blank > 0, "%s has a line \"%s\"", PATH, line);
      String name = line.substring(blank + 1);
      checkName(name);
      int number;
      try {
        number = Integer.parseInt(line.substring(0, blank));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("%s has a line \"%s\"".formatted(PATH, line), e);
      }
      checkArgument(
          number >= 1
              && number <= HIGHEST
              && !names.containsValue(name)
              && names.put(number, name) == null,
          "%s has a line \"%s\": out of range, or there twice",
          PATH,
          line);
    }
    checkArgument(!first, "%s is empty", PATH);
    return new NodeNumbers(names);
  }
}
