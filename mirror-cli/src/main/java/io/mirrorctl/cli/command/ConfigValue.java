package io.mirrorctl.cli.command;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;

/** What stands in a configuration file, with the line it stands in. */
sealed interface ConfigValue {

  /** The line, counted from 1. */
  int line();

  /** What it is, for messages. */
  default String kind() {
    return switch (this) {
      case Word _ -> "a single value";
      case Items _ -> "a list";
      case Table _ -> "a set of keys";
      case Nothing _ -> "empty";
    };
  }

  /** A text, a number, {@code true} or {@code false}, as it was written. */
  record Word(int line, String text) implements ConfigValue {}

  /** A list. */
  record Items(int line, ImmutableList<ConfigValue> values) implements ConfigValue {}

  /** Keys with their values, in the order of the file. */
  record Table(int line, ImmutableMap<String, ConfigValue> values) implements ConfigValue {}

  /** A key without a value. */
  record Nothing(int line) implements ConfigValue {}
}
