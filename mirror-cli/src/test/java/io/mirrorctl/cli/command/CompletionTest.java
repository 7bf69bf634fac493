package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompletionTest {
  private static final Path BASH = Path.of("/bin/bash");

  @TempDir Path directory;

  /** Stands for the program: writes down how it was called, and knows some names. */
  private String program() {
    return """
    #!/bin/sh
    echo "$MIRRORCTL_NO_BUILD $*" >> %s
    case "$2" in
      arrays) printf 'vol0\\nvol1\\nscratch\\n' ;;
      disks) printf '/srv/a b.img\\n/srv/c.img\\nnbd://host:10810/x\\nnbd://host:10810/y\\n' ;;
      nodes) printf 'n1\\nn2\\n' ;;
    esac
    echo noise >&2
    """
        .formatted(directory.resolve("calls"));
  }

  /** What bash would offer for the last of these words, which the cursor is at the end of. */
  private List<String> complete(String... words) throws IOException, InterruptedException {
    assumeThat(Files.isExecutable(BASH)).as(BASH + " is there").isTrue();
    Path program = directory.resolve("mirrorctl");
    Files.writeString(program, program());
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    Path script =
        Files.writeString(directory.resolve("script"), Cli.run("completion", "bash").out());
    List<String> command =
        new ArrayList<>(
            List.of(
                BASH.toString(),
                "-c",
                "source \"$0\"; compopt() { :; }; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\";"
                    + " COMP_POINT=${#COMP_LINE}; COMPREPLY=(); _mirrorctl_live;"
                    + " printf '%s\\n' \"${COMPREPLY[@]}\"",
                script.toString(),
                program.toString()));
    command.addAll(Arrays.asList(words));
    Process bash = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(bash.getInputStream().readAllBytes(), UTF_8);
    assertThat(bash.waitFor()).isZero();
    return out.lines().filter(line -> !line.isEmpty()).toList();
  }

  private String calls() throws IOException {
    return Files.readString(directory.resolve("calls"));
  }

  @Test
  void anArrayIsCompletedWhereACommandTakesOne() throws Exception {
    assertThat(complete("detail", "")).containsExactly("vol0", "vol1", "scratch");
    assertThat(complete("fail", "v")).containsExactly("vol0", "vol1");
    assertThat(calls()).startsWith("1 completion-words arrays\n");
  }

  @Test
  void aDiskIsOneOfThatArray() throws Exception {
    assertThat(complete("remove", "vol0", "/")).containsExactly("/srv/a\\ b.img", "/srv/c.img");
    assertThat(complete("repair", "vol1", "--from", "/srv/c")).containsExactly("/srv/c.img");

    assertThat(calls()).isEqualTo("1 completion-words disks vol0\n1 completion-words disks vol1\n");
  }

  @Test
  void aUrlIsCompletedBehindItsLastColonWhereBashDividesIt() throws Exception {
    assertThat(complete("fail", "vol0", "nbd", ":", "//host", ":", "10810/"))
        .containsExactly("10810/x", "10810/y");
    assertThat(complete("replace", "vol0", "nbd", ":", "//host/x", "--with", "/srv/c"))
        .containsExactly("/srv/c.img");
  }

  @Test
  void aNodeIsCompletedAndTheSocketIsHandedOn() throws Exception {
    assertThat(complete("eject", "--socket", "/run/n1.sock", "n")).containsExactly("n1", "n2");
    assertThat(complete("eject", "--socket", "=", "/run/n1.sock", "n")).containsExactly("n1", "n2");

    assertThat(calls())
        .isEqualTo(
            """
            1 completion-words nodes --socket /run/n1.sock
            1 completion-words nodes --socket=/run/n1.sock
            """);
  }

  @Test
  void theRestIsCompletedWithoutTheNode() throws Exception {
    assertThat(complete("det")).containsExactly("detail");
    assertThat(complete("fail", "--so")).containsExactly("--socket");
    assertThat(complete("completion", "z")).containsExactly("zsh");
    assertThat(complete("assemble", "")).as("its name is new").isEmpty();
    assertThat(complete("add", "vol0", "/srv/")).as("its disk is new").isEmpty();
    assertThat(complete("detail", "vol0", "")).as("it takes one array").isEmpty();
    assertThat(complete("wait", "vol0", "--timeout", "")).isEmpty();

    assertThat(directory.resolve("calls")).doesNotExist();
  }

  @Test
  void theWordsAreThoseTheNodeKnows() throws Exception {
    try (NodeRig rig = NodeRig.start(directory)) {
      List<Path> disks = rig.mirror();

      assertThat(rig.run("completion-words", "arrays").out()).isEqualTo("m\n");
      assertThat(rig.run("completion-words", "disks", "m").out())
          .isEqualTo("%s\n%s\n".formatted(disks.get(0), disks.get(1)));
      assertThat(rig.run("completion-words", "disks").out()).isEmpty();
      assertThat(rig.run("completion-words", "nodes").code()).as("it is alone").isEqualTo(1);
    }
  }
}
