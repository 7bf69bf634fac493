package io.mirrorctl.cli.command;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLParser;

/** Reads a configuration file: YAML, of which tables, lists and plain values are used. */
final class ConfigText {
  private static final int MOST_DEPTH = 8;
  private static final long MOST_BYTES = 1 << 20;

  private static final YAMLFactory YAML =
      YAMLFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder().maxNestingDepth(MOST_DEPTH).build())
          .build();

  private final Path file;
  private final YAMLParser parser;

  private ConfigText(Path file, YAMLParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /**
   * Reads the table that the file is.
   *
   * @throws CommandException naming file and line if it is none
   */
  static ConfigValue.Table read(Path file) throws IOException {
    checkSize(file);
    try (Reader text = Files.newBufferedReader(file);
        YAMLParser parser = (YAMLParser) YAML.createParser(ObjectReadContext.empty(), text)) {
      return new ConfigText(file, parser).all();
    } catch (CharacterCodingException e) {
      throw new CommandException(
          ExitCode.USAGE, file + ": is not UTF-8; save it in that encoding", e);
    } catch (JacksonException e) {
      int line = e.getLocation() == null ? 1 : Math.max(1, e.getLocation().getLineNr());
      throw new CommandException(
          ExitCode.USAGE, "%s line %d: is not YAML: %s".formatted(file, line, problem(e)), e);
    }
  }

  private static void checkSize(Path file) throws IOException {
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new CommandException(
            ExitCode.USAGE, file + ": is no configuration file, it is larger than 1 MiB");
      }
    } catch (CommandException e) {
      throw e;
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.FAILED,
          "configuration file %s; check --config".formatted(Failure.of(e).text()),
          e);
    }
  }

  /** The parser's own words, without the piece of the file it shows below them. */
  private static String problem(JacksonException e) {
    return e.getOriginalMessage()
        .lines()
        .map(String::strip)
        .filter(line -> !line.startsWith("in ") && !line.isEmpty())
        .findFirst()
        .orElse("it cannot be read");
  }

  private ConfigValue.Table all() throws CommandException {
    if (parser.nextToken() == null) {
      return new ConfigValue.Table(1, ImmutableMap.of());
    }
    ConfigValue root = value("the file");
    if (!(root instanceof ConfigValue.Table table)) {
      throw wrong(root.line(), "lines of the form KEY: VALUE are expected");
    }
    if (parser.nextToken() != null) {
      throw wrong(line(), "a second document begins here; one file is one document");
    }
    return table;
  }

  private ConfigValue value(String key) throws CommandException {
    int line = line();
    if (parser.isCurrentAlias()) {
      throw wrong(line, key + ": put a value that begins with * in quotes");
    }
    return switch (parser.currentToken()) {
      case START_OBJECT -> table(line);
      case START_ARRAY -> {
        var items = ImmutableList.<ConfigValue>builder();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          items.add(value(key));
        }
        yield new ConfigValue.Items(line, items.build());
      }
      case VALUE_NULL -> new ConfigValue.Nothing(line);
      case VALUE_STRING, VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT, VALUE_TRUE, VALUE_FALSE ->
          new ConfigValue.Word(line, parser.getString());
      default -> throw wrong(line, key + ": text, a number, true or false is expected");
    };
  }

  private ConfigValue.Table table(int line) throws CommandException {
    var values = ImmutableMap.<String, ConfigValue>builder();
    Set<String> keys = new HashSet<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      if (!keys.add(key)) {
        throw wrong(line(), key + ": is there a second time; leave one out");
      }
      parser.nextToken();
      values.put(key, value(key));
    }
    return new ConfigValue.Table(line, values.buildOrThrow());
  }

  private int line() {
    return parser.currentTokenLocation().getLineNr();
  }

  private CommandException wrong(int line, String what) {
    return new CommandException(ExitCode.USAGE, "%s line %d: %s".formatted(file, line, what));
  }
}
