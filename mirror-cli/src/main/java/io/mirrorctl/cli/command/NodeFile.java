package io.mirrorctl.cli.command;

import static java.util.stream.Collectors.joining;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import io.mirrorctl.cli.daemon.ScanConfig;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The configuration file of a node. Its keys are the command's own options without their dashes, so
 * that there is one name and one meaning for each; besides these it has {@code disks} and {@code
 * arrays}.
 *
 * @param settings the options in the file
 * @param scan what it says of disks and arrays
 */
record NodeFile(Path file, ImmutableList<Setting> settings, ScanConfig scan) {
  private static final String DISKS = "disks";
  private static final String ARRAYS = "arrays";

  /** Those about arrays are said of each array; {@code --force} is a decision of the moment. */
  private static final ImmutableSet<String> NOT_HERE =
      ImmutableSet.of("config", "assemble", "run", "readonly", "force", "coherent");

  /** Of these the command line replaces all at once. */
  private static final ImmutableSet<String> WHERE_ZOOKEEPER_IS =
      ImmutableSet.of("zookeeper", "embedded-zookeeper", "zookeeper-listen");

  /**
   * An option.
   *
   * @param arguments as they would be typed
   */
  record Setting(String key, int line, ImmutableList<String> arguments) {}

  /**
   * Reads a file.
   *
   * @param node the command whose options the keys are
   * @throws CommandException naming file, line and key of what is wrong
   */
  static NodeFile read(Path file, CommandSpec node) throws IOException {
    ConfigValue.Table all = ConfigText.read(file);
    var settings = ImmutableList.<Setting>builder();
    var arrays = new ArrayEntries(file);
    List<String> disks = List.of();
    for (Map.Entry<String, ConfigValue> entry : all.values().entrySet()) {
      String key = entry.getKey();
      ConfigValue value = entry.getValue();
      switch (key) {
        case DISKS -> disks = ArrayEntries.patterns(file, key, value);
        case ARRAYS -> arrays.read(value);
        default -> settings.add(setting(file, option(file, key, value, node), key, value));
      }
    }
    if (disks.isEmpty()) {
      arrays.checkNoneIsSearched();
    }
    return new NodeFile(file, settings.build(), new ScanConfig(disks, arrays.all()));
  }

  private static OptionSpec option(Path file, String key, ConfigValue value, CommandSpec node)
      throws CommandException {
    OptionSpec option = node.optionsMap().get("--" + key);
    if (option == null || !isForFiles(key, option)) {
      throw wrong(
          file, value, key, "is not known here; known are " + String.join(", ", keys(node)));
    }
    return option;
  }

  private static boolean isForFiles(String key, OptionSpec option) {
    return !NOT_HERE.contains(key)
        && !option.inherited()
        && !option.usageHelp()
        && !option.versionHelp();
  }

  /** All keys there are, in order. */
  static TreeSet<String> keys(CommandSpec node) {
    var keys = new TreeSet<String>();
    node.optionsMap()
        .forEach((name, option) -> {
          if (name.startsWith("--") && isForFiles(name.substring(2), option)) {
            keys.add(name.substring(2));
          }
        });
    keys.add(DISKS);
    keys.add(ARRAYS);
    return keys;
  }

  private static Setting setting(Path file, OptionSpec option, String key, ConfigValue value)
      throws CommandException {
    var arguments = ImmutableList.<String>builder();
    switch (value) {
      case ConfigValue.Word word -> arguments.addAll(argument(file, option, key, word));
      case ConfigValue.Items items when option.isMultiValue() -> {
        for (ConfigValue item : items.values()) {
          if (!(item instanceof ConfigValue.Word word)) {
            throw wrong(file, item, key, "its items are single values, this one is " + item.kind());
          }
          arguments.addAll(argument(file, option, key, word));
        }
      }
      default ->
          throw wrong(
              file,
              value,
              key,
              "is %s, expected is %s"
                  .formatted(
                      value.kind(),
                      isFlag(option)
                          ? "true or false"
                          : option.isMultiValue() ? "a value, or a list of them" : "a value"));
    }
    return new Setting(key, value.line(), arguments.build());
  }

  private static boolean isFlag(OptionSpec option) {
    return option.arity().max() == 0;
  }

  private static List<String> argument(
      Path file, OptionSpec option, String key, ConfigValue.Word word) throws CommandException {
    boolean mayStandAlone = option.arity().min() == 0;
    boolean isSwitch = word.text().equals("true") || word.text().equals("false");
    if (mayStandAlone && isSwitch) {
      return word.text().equals("true") ? List.of("--" + key) : List.of();
    }
    if (isFlag(option)) {
      throw wrong(file, word, key, "is %s, expected is true or false".formatted(word.text()));
    }
    return List.of("--%s=%s".formatted(key, word.text()));
  }

  /**
   * The options of the file that the command line says nothing about.
   *
   * @param typed whether the option with this name was typed
   */
  List<String> argumentsBeside(Predicate<String> typed) {
    boolean typedZooKeeper = WHERE_ZOOKEEPER_IS.stream().anyMatch(key -> typed.test("--" + key));
    return settings.stream()
        .filter(setting -> !typed.test("--" + setting.key()))
        .filter(setting -> !typedZooKeeper || !WHERE_ZOOKEEPER_IS.contains(setting.key()))
        .flatMap(setting -> setting.arguments().stream())
        .toList();
  }

  /** What is said about an option, with the line of the file where that option is. */
  String withPlace(String message) {
    String places =
        settings.stream()
            .filter(setting -> isNamed("--" + setting.key(), message))
            .map(setting -> "%s line %d".formatted(file, setting.line()))
            .collect(joining(", "));
    return places.isEmpty() ? message : "%s (%s)".formatted(message, places);
  }

  private static boolean isNamed(String option, String message) {
    return Pattern.compile(Pattern.quote(option) + "(?![a-z-])").matcher(message).find();
  }

  /** What is wrong with a value. */
  static CommandException wrong(Path file, ConfigValue value, String key, String what) {
    return wrong(file, value.line(), key, what);
  }

  /** What is wrong in a line. */
  static CommandException wrong(Path file, int line, String key, String what) {
    return new CommandException(
        ExitCode.USAGE, "%s line %d: %s: %s".formatted(file, line, key, what));
  }
}
