package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManPagesTest {
  private static final Path GROFF = Path.of("/usr/bin/groff");
  private static final Path MAN = Path.of("/usr/bin/man");

  @TempDir Path directory;

  @BeforeEach
  void write() throws IOException {
    ManPages.write(directory);
  }

  private List<Path> pages() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.sorted().toList();
    }
  }

  private String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out;
  }

  @Test
  void everyCommandHasAPageWithAllItsOptions() throws IOException {
    var commands = Mirrorctl.commandLine().getSubcommands();
    for (String name : commands.keySet()) {
      Path page = directory.resolve("mirrorctl-" + name + ".1");
      if (commands.get(name).getCommandSpec().usageMessage().hidden()) {
        assertThat(page).doesNotExist();
        continue;
      }
      String text = Files.readString(page).replace("\\-", "-");
      assertThat(text).contains(".SH \"NAME\"", "mirrorctl-" + name + " - ", ".SH \"SYNOPSIS\"");
      commands
          .get(name)
          .getCommandSpec()
          .optionsMap()
          .keySet()
          .forEach(option -> assertThat(text).contains("\\fB" + option + "\\fR"));
    }
    assertThat(Files.readString(directory.resolve("mirrorctl.1")))
        .contains("\\fBzero\\-superblock\\fR", "\\fBpath\\-loss\\fR", "\\fB4\\fR");
  }

  @Test
  void groffFindsNothingWrong() throws IOException, InterruptedException {
    assumeThat(Files.isExecutable(GROFF)).as(GROFF + " is there").isTrue();
    List<String> command =
        new ArrayList<>(List.of(GROFF.toString(), "-man", "-ww", "-z", "-Tutf8"));
    pages().forEach(page -> command.add(page.toString()));

    assertThat(run(command)).isEmpty();
  }

  @Test
  void manShowsAPageAsItIsMeant() throws IOException, InterruptedException {
    assumeThat(Files.isExecutable(MAN)).as(MAN + " is there").isTrue();
    Path page = directory.resolve("mirrorctl-replace.1");

    String text =
        run(List.of("env", "MANWIDTH=100", MAN.toString(), "-E", "ascii", "-l", page.toString()));

    assertThat(text.replaceAll(".\b", ""))
        .contains("mirrorctl replace NAME OLD --with NEW [OPTIONS]")
        .containsPattern("(?m)^ +--with NEW$|(?m)^ +--with NEW ");
  }

  @Test
  void whatLooksLikeARequestIsText() throws IOException, InterruptedException {
    assumeThat(Files.isExecutable(MAN)).as(MAN + " is there").isTrue();
    var page = new Roff("page", "1");
    page.section("NAME");
    page.paragraph(".TH 'it' \\, ~/x ^y `z` --opt");
    page.entry(Roff.bold("-a\\b"), List.of("'quoted'", ".second"));
    page.lines(List.of(".so /etc/passwd", "  indented"));
    Path file = Files.writeString(directory.resolve("page.1"), page.text());

    String text = run(List.of(MAN.toString(), "-E", "ascii", "-l", file.toString()));

    assertThat(text.replaceAll(".\b", ""))
        .contains(
            ".TH 'it' \\, ~/x ^y `z` --opt",
            "-a\\b",
            "'quoted'",
            ".second",
            ".so /etc/passwd",
            "  indented");
  }
}
