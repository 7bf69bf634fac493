package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MirrorctlTest {

  static List<String> commands() {
    return List.copyOf(Mirrorctl.commandLine().getSubcommands().keySet());
  }

  @Test
  void theVersionIsPrinted() {
    var run = Cli.run("--version");

    assertThat(run.code()).isZero();
    assertThat(run.out()).startsWith("mirrorctl ");
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpAndTheOptionsOfAll(String command) {
    var run = Cli.run(command, "--help");

    assertThat(run.code()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .startsWith("Usage: mirrorctl " + command)
        .contains("--json", "--debug", "--help");
  }

  @Test
  void noCommandIsAWrongCommandLine() {
    var run = Cli.run();

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).isEqualTo("mirrorctl: no command given; see mirrorctl --help\n");
  }

  @Test
  void aWrongOptionIsNamedWithoutAStackTrace() {
    var run = Cli.run("completion", "--colour", "bash");

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err())
        .isEqualTo("mirrorctl: Unknown option: '--colour'; see mirrorctl completion --help\n");
  }

  @Test
  void whatIsMissingIsSaidInOnePlainLine() {
    var run = Cli.run("sync", "m");

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).startsWith("mirrorctl: Missing required argument").hasLineCount(1);
  }

  @Test
  void thereIsACompletionScriptForBothShells() {
    assertThat(Cli.run("completion", "bash").out()).contains("complete -F", "mirrorctl");
    assertThat(Cli.run("completion", "zsh").out()).startsWith("autoload").contains("complete -F");
  }
}
