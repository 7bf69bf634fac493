package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableSet;
import com.google.common.io.Resources;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BiPredicate;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * The script that completes command lines: picocli's for commands and options, and behind it what
 * asks the node for names. Which word is the name of what is told by the labels of the parameters.
 */
final class CompletionScript {
  private static final String ARRAY = "NAME";
  private static final ImmutableSet<String> MEMBERS = ImmutableSet.of("DISK", "OLD", "NEW");
  private static final String NODE = "NODE";

  /** Their disks are not in the array yet. */
  private static final ImmutableSet<String> OF_NEW_DISKS =
      ImmutableSet.of("add", "assemble", "confirm");

  /** Its array is not there yet. */
  private static final String OF_NEW_ARRAYS = "assemble";

  private final CommandLine all;

  CompletionScript(CommandLine all) {
    this.all = all;
  }

  /** The text, for bash, and for zsh with its emulation of bash's completion. */
  String text() throws IOException {
    return AutoComplete.bash("mirrorctl", all)
        + Resources.toString(Resources.getResource(getClass(), "live-completion.sh"), UTF_8)
            .replace("@VALUE_OPTIONS@", pattern(valueOptions()))
            .replace("@ARRAYS@", pattern(places((command, arg) -> isArray(command, arg))))
            .replace("@DISKS@", pattern(places((command, arg) -> isMember(command, arg))))
            .replace("@NODES@", pattern(places((_, arg) -> arg.paramLabel().equals(NODE))));
  }

  private static boolean isArray(CommandSpec command, ArgSpec arg) {
    return arg.isPositional()
        && arg.paramLabel().equals(ARRAY)
        && !command.name().equals(OF_NEW_ARRAYS);
  }

  private static boolean isMember(CommandSpec command, ArgSpec arg) {
    return MEMBERS.contains(arg.paramLabel())
        && (arg.isOption() || !OF_NEW_DISKS.contains(command.name()));
  }

  /**
   * Parameters of commands that ask a node, as {@code command:place} or {@code command:--option}.
   */
  private Collection<String> places(BiPredicate<CommandSpec, ArgSpec> wanted) {
    var places = new TreeSet<String>();
    for (CommandLine command : all.getSubcommands().values()) {
      CommandSpec spec = command.getCommandSpec();
      if (!(spec.userObject() instanceof NodeSubcommand) || spec.usageMessage().hidden()) {
        continue;
      }
      for (ArgSpec arg : spec.args()) {
        if (wanted.test(spec, arg)) {
          places.add(spec.name() + ":" + place(arg));
        }
      }
    }
    return places;
  }

  private static String place(ArgSpec arg) {
    return switch (arg) {
      case OptionSpec option -> option.longestName();
      case PositionalParamSpec positional -> Integer.toString(positional.index().min());
      default -> throw new IllegalArgumentException("neither option nor parameter: " + arg);
    };
  }

  /** The options that are followed by a value. */
  private Collection<String> valueOptions() {
    var options = new TreeSet<String>();
    for (CommandLine command : all.getSubcommands().values()) {
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.arity().min() > 0) {
          options.addAll(List.of(option.names()));
        }
      }
    }
    options.remove("--socket"); // the script looks at that itself
    return options;
  }

  private static String pattern(Collection<String> words) {
    return String.join(" | ", words);
  }
}
