package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.DiskSearch;
import io.mirrorctl.cli.daemon.Disks;
import io.mirrorctl.cli.daemon.WantedArray;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.core.format.MdUuid;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The keys {@code arrays} and {@code disks} of a node's configuration file. */
final class ArrayEntries {
  private static final String ARRAYS = "arrays";

  private final Path file;
  private final List<WantedArray> arrays = new ArrayList<>();
  private final Map<String, Integer> lines = new HashMap<>();

  ArrayEntries(Path file) {
    this.file = file;
  }

  /** What was read. */
  List<WantedArray> all() {
    return arrays;
  }

  /** Refuses arrays whose disks were to be found where there is nowhere to look. */
  void checkNoneIsSearched() throws CommandException {
    for (WantedArray array : arrays) {
      if (array.uuid().isPresent()) {
        throw NodeFile.wrong(
            file,
            lines.get(array.name()),
            ARRAYS,
            "%s is named by its uuid, but nothing says where to look; add disks: [PATH, ...]"
                .formatted(array.name()));
      }
    }
  }

  /** Reads the value of {@code arrays}. */
  void read(ConfigValue value) throws CommandException {
    if (!(value instanceof ConfigValue.Items items)) {
      throw wrong(value, ARRAYS, "is %s, expected is a list: - name: ...".formatted(value.kind()));
    }
    for (ConfigValue item : items.values()) {
      if (!(item instanceof ConfigValue.Table table)) {
        throw wrong(
            item,
            ARRAYS,
            "has %s as an item, expected are name, and disks or uuid".formatted(item.kind()));
      }
      add(table);
    }
  }

  private void add(ConfigValue.Table table) throws CommandException {
    Optional<String> name = Optional.empty();
    Optional<UUID> uuid = Optional.empty();
    List<String> disks = List.of();
    boolean run = false;
    boolean readOnly = false;
    boolean coherent = false;
    for (Map.Entry<String, ConfigValue> entry : table.values().entrySet()) {
      String key = ARRAYS + "." + entry.getKey();
      ConfigValue value = entry.getValue();
      switch (entry.getKey()) {
        case "name" -> name = Optional.of(name(key, value));
        case "uuid" -> uuid = Optional.of(uuid(key, value));
        case "disks" -> disks = disks(key, value);
        case "run" -> run = flag(key, value);
        case "readonly" -> readOnly = flag(key, value);
        case "coherent" -> coherent = flag(key, value);
        default ->
            throw wrong(
                value, key, "is not known; known are name, disks, uuid, run, readonly, coherent");
      }
    }
    if (name.isEmpty()) {
      throw wrong(table, ARRAYS, "an array has no name; give it one by name: NAME");
    }
    if (disks.isEmpty() == uuid.isEmpty()) {
      throw wrong(
          table,
          ARRAYS,
          "array %s needs either disks: [DISK, DISK] or uuid: UUID, which examine shows as set_uuid"
              .formatted(name.get()));
    }
    arrays.add(new WantedArray(name.get(), disks, uuid, run, readOnly, coherent));
  }

  private String name(String key, ConfigValue value) throws CommandException {
    String name = word(file, key, value);
    try {
      WantedArray.checkName(name);
    } catch (IllegalArgumentException e) {
      throw wrong(value, key, e.getMessage());
    }
    Integer before = lines.putIfAbsent(name, value.line());
    if (before != null) {
      throw wrong(
          value, key, "%s is the name of another array, in line %d".formatted(name, before));
    }
    return name;
  }

  private UUID uuid(String key, ConfigValue value) throws CommandException {
    UUID uuid;
    try {
      uuid = MdUuid.parse(word(file, key, value));
    } catch (IllegalArgumentException e) {
      throw wrong(value, key, e.getMessage());
    }
    for (WantedArray other : arrays) {
      if (other.uuid().equals(Optional.of(uuid))) {
        throw wrong(
            value,
            key,
            "is that of %s, in line %d".formatted(other.name(), lines.get(other.name())));
      }
    }
    return uuid;
  }

  private boolean flag(String key, ConfigValue value) throws CommandException {
    return switch (word(file, key, value)) {
      case "true" -> true;
      case "false" -> false;
      default ->
          throw wrong(
              value, key, "is %s, expected is true or false".formatted(word(file, key, value)));
    };
  }

  private List<String> disks(String key, ConfigValue value) throws CommandException {
    List<String> disks = new ArrayList<>();
    for (ConfigValue item : list(file, key, value)) {
      String disk = word(file, key, item);
      try {
        if (!NbdUri.looksLike(disk) && !disk.startsWith("/")) {
          throw new IllegalArgumentException(
              "\"%s\" is neither an absolute path nor an NBD URL".formatted(disk));
        }
        disks.add(Disks.name(disk));
      } catch (IllegalArgumentException e) {
        throw wrong(item, key, e.getMessage());
      }
    }
    return disks;
  }

  /** Reads the value of the file's own {@code disks}. */
  static List<String> patterns(Path file, String key, ConfigValue value) throws CommandException {
    List<String> patterns = new ArrayList<>();
    for (ConfigValue item : list(file, key, value)) {
      try {
        patterns.add(DiskSearch.checkPattern(word(file, key, item)));
      } catch (IllegalArgumentException e) {
        throw NodeFile.wrong(file, item, key, e.getMessage());
      }
    }
    return patterns;
  }

  private static List<ConfigValue> list(Path file, String key, ConfigValue value)
      throws CommandException {
    return switch (value) {
      case ConfigValue.Items items when !items.values().isEmpty() -> items.values();
      case ConfigValue.Word word -> List.of(word);
      default ->
          throw NodeFile.wrong(
              file, value, key, "is %s, expected is a list of disks".formatted(value.kind()));
    };
  }

  private static String word(Path file, String key, ConfigValue value) throws CommandException {
    if (value instanceof ConfigValue.Word word) {
      return word.text();
    }
    throw NodeFile.wrong(
        file, value, key, "is %s, expected is a single value".formatted(value.kind()));
  }

  private CommandException wrong(ConfigValue value, String key, String what) {
    return NodeFile.wrong(file, value, key, what);
  }
}
