package io.mirrorctl.cli.command;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Writes the manual pages of all commands, in the language of {@code man(7)}; run by the build. */
public final class ManPages {
  private static final String SECTION = "1";

  private final CommandLine all = Mirrorctl.commandLine();

  private ManPages() {}

  /**
   * Writes them.
   *
   * @param arguments the directory they go into, which is made
   */
  public static void main(String[] arguments) throws IOException {
    write(Path.of(arguments[0]));
  }

  /** Writes {@code mirrorctl.1} and {@code mirrorctl-COMMAND.1} into a directory. */
  static void write(Path directory) throws IOException {
    Files.createDirectories(directory);
    var pages = new ManPages();
    Files.writeString(directory.resolve("mirrorctl." + SECTION), pages.overview());
    for (CommandLine command : pages.shown()) {
      Files.writeString(
          directory.resolve(name(command.getCommandSpec()) + "." + SECTION),
          pages.page(command.getCommandSpec()));
    }
  }

  private List<CommandLine> shown() {
    return all.getSubcommands().values().stream()
        .filter(command -> !command.getCommandSpec().usageMessage().hidden())
        .toList();
  }

  private static String name(CommandSpec command) {
    return command.qualifiedName("-");
  }

  private String overview() throws IOException {
    CommandSpec root = all.getCommandSpec();
    var page = page(root, "mirrorctl");
    page.section("COMMANDS");
    for (CommandLine command : shown()) {
      CommandSpec spec = command.getCommandSpec();
      page.entry(bold(spec.name()), List.of(spec.usageMessage().description()[0]));
    }
    page.section("TOPICS");
    page.paragraph("mirrorctl help TOPIC explains:");
    for (String topic : HelpTopics.NAMES) {
      String about = HelpTopics.text(topic).orElseThrow().lines().findFirst().orElseThrow();
      page.entry(bold(topic), List.of(about));
    }
    options(root, page);
    page.section("ENVIRONMENT");
    page.entry(
        bold("MIRRORCTL_SOCKET"), List.of("The node's control socket, if there is no --socket."));
    end(root, page, List.of());
    return page.text();
  }

  private String page(CommandSpec command) {
    var page = page(command, name(command));
    parameters(command, page);
    options(command, page);
    end(command, page, List.of("mirrorctl"));
    return page.text();
  }

  private static Roff page(CommandSpec command, String name) {
    var page = new Roff(name, SECTION);
    List<String> description = List.of(command.usageMessage().description());
    String first = description.getFirst();
    int end = first.indexOf(". ");
    page.section("NAME");
    page.paragraph(
        name + " - " + (end < 0 ? first.replaceFirst("[.:]$", "") : first.substring(0, end)));
    page.section("SYNOPSIS");
    page.paragraph(synopsis(command));
    page.section("DESCRIPTION");
    description.forEach(page::paragraph);
    return page;
  }

  private static String synopsis(CommandSpec command) {
    String[] custom = command.usageMessage().customSynopsis();
    if (custom.length > 0) {
      return Arrays.stream(custom).map(String::strip).collect(joining(", or "));
    }
    Stream<String> parameters =
        command.positionalParameters().stream().map(ManPages::positionalInSynopsis);
    Stream<String> needed =
        command.options().stream()
            .filter(OptionSpec::required)
            .map(option -> option.longestName() + " " + option.paramLabel());
    String more = command.subcommands().isEmpty() ? "" : " COMMAND";
    return Stream.of(
            Stream.of(command.qualifiedName() + more), parameters, needed, Stream.of("[OPTIONS]"))
        .flatMap(words -> words)
        .collect(joining(" "));
  }

  private static String positionalInSynopsis(PositionalParamSpec parameter) {
    String label = parameter.paramLabel() + (parameter.isMultiValue() ? "..." : "");
    return parameter.required() ? label : "[" + label + "]";
  }

  private static void parameters(CommandSpec command, Roff page) {
    if (command.positionalParameters().isEmpty()) {
      return;
    }
    page.section("PARAMETERS");
    for (PositionalParamSpec parameter : command.positionalParameters()) {
      page.entry(Roff.italic(parameter.paramLabel()), description(parameter));
    }
  }

  private static void options(CommandSpec command, Roff page) {
    page.section("OPTIONS");
    List<OptionSpec> own = new ArrayList<>(command.options());
    own.removeIf(OptionSpec::hidden);
    own.sort((a, b) -> a.longestName().compareTo(b.longestName()));
    for (OptionSpec option : own) {
      page.entry(heading(option), description(option));
    }
  }

  private static String heading(OptionSpec option) {
    String names = Arrays.stream(option.names()).map(ManPages::bold).collect(joining(", "));
    if (option.arity().max() == 0) {
      return names;
    }
    String value = Roff.italic(option.paramLabel());
    return names + (option.arity().min() == 0 ? " [" + value + "]" : " " + value);
  }

  private static List<String> description(ArgSpec arg) {
    return List.of(arg.description());
  }

  private void end(CommandSpec command, Roff page, List<String> above) {
    page.section("EXIT STATUS");
    Map<String, String> codes = all.getCommandSpec().usageMessage().exitCodeList();
    codes.forEach((code, meaning) -> page.entry(bold(code), List.of(meaning)));
    String[] footer = command.usageMessage().footer();
    boolean own = !Arrays.equals(footer, all.getCommandSpec().usageMessage().footer());
    if (footer.length > 0 && own) {
      page.section("EXAMPLES");
      page.lines(Arrays.stream(footer).filter(line -> !line.isBlank()).toList());
    }
    page.section("SEE ALSO");
    List<String> others =
        above.isEmpty() ? shown().stream().map(c -> name(c.getCommandSpec())).toList() : above;
    page.paragraph(
        others.stream().map(other -> other + "(" + SECTION + ")").collect(joining(", ")));
  }

  private static String bold(String text) {
    return Roff.bold(text);
  }
}
