package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class HelpTest {
  private static final Pattern OPTION = Pattern.compile("(?<![a-z-])--[a-z][a-z-]*");
  private static final Pattern REFERENCE = Pattern.compile("mirrorctl\\s+help\\s+([a-z-]+)");

  /** Options of mdadm and systemctl, which are named as such. */
  private static final Set<String> OF_OTHERS = Set.of("--examine", "--now");

  static List<String> topics() {
    return HelpTopics.NAMES;
  }

  private static String text(String topic) {
    Cli.Run run = Cli.run("help", topic);
    assertThat(run.code()).as(run.err()).isZero();
    return run.out();
  }

  @ParameterizedTest
  @MethodSource("topics")
  void aTopicFitsOnAScreenAndBeginsWithWhatItIsAbout(String topic) {
    List<String> lines = text(topic).lines().toList();

    assertThat(lines).hasSizeBetween(8, 30).allSatisfy(l -> assertThat(l).hasSizeLessThan(80));
    assertThat(lines.get(1)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("topics")
  void aTopicSpeaksOnlyOfOptionsAndTopicsThatThereAre(String topic) {
    Set<String> options = new HashSet<>(OF_OTHERS);
    for (CommandLine command : Mirrorctl.commandLine().getSubcommands().values()) {
      options.addAll(command.getCommandSpec().optionsMap().keySet());
    }
    Matcher option = OPTION.matcher(text(topic));
    while (option.find()) {
      assertThat(options).contains(option.group());
    }
    Matcher reference = REFERENCE.matcher(text(topic));
    while (reference.find()) {
      assertThat(HelpTopics.NAMES).contains(reference.group(1));
    }
  }

  @Test
  void noTopicHasTheNameOfACommand() {
    assertThat(Mirrorctl.commandLine().getSubcommands().keySet())
        .doesNotContainAnyElementsOf(HelpTopics.NAMES);
  }

  @Test
  void helpOfACommandIsWhatItsOptionPrints() {
    assertThat(text("fail")).isEqualTo(Cli.run("fail", "--help").out());
  }

  @Test
  void withoutTopicCommandsAndTopicsAreListed() {
    Cli.Run run = Cli.run("help");

    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("Commands:", "serve-disk");
    HelpTopics.NAMES.forEach(
        topic -> assertThat(run.out()).containsPattern("(?m)^  " + topic + " +[A-Z]"));
  }

  @Test
  void whatIsNeitherIsAWrongCommandLine() {
    Cli.Run run = Cli.run("help", "colours");

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("no command and no topic colours; topics are bitmap, claims,");
  }

  @Test
  void allExitCodesAreExplained() {
    for (ExitCode code : ExitCode.values()) {
      assertThat(text("exit-codes")).containsPattern("(?m)^  " + code.code() + "  [a-z]");
    }
  }

  @Test
  void theConfigurationThatIsShownIsOne() throws IOException {
    String example =
        text("config")
            .lines()
            .dropWhile(line -> !line.equals("  cluster: lab"))
            .takeWhile(line -> !line.isEmpty())
            .map(line -> line.substring(2) + "\n")
            .reduce("", String::concat);
    var file = Files.createTempFile("node", ".yaml");
    try {
      Files.writeString(file, example);
      NodeFile read =
          NodeFile.read(
              file, Mirrorctl.commandLine().getSubcommands().get("node").getCommandSpec());

      assertThat(read.settings()).hasSize(4);
      assertThat(read.scan().arrays()).hasSize(1);
    } finally {
      Files.delete(file);
    }
  }
}
