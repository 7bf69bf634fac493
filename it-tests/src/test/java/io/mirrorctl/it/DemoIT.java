package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class DemoIT {
  /** For a machine with much else to do; alone it takes a third of a minute. */
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private static final int SIGTERM_STATUS = 128 + 15;

  @TempDir Path directory;
  private Path scratch;

  @BeforeEach
  void makeScratch() throws IOException {
    scratch = Files.createDirectory(directory.resolve("tmp"));
  }

  private Tool demo(Object... arguments) {
    return Tool.of(command(arguments)).limit(LIMIT);
  }

  private List<String> command(Object... arguments) {
    var command = new ArrayList<>(NodeProcess.java("io.mirrorctl.cli.Main"));
    command.add(1, "-Djava.io.tmpdir=" + scratch);
    command.add("demo");
    Arrays.stream(arguments).map(Object::toString).forEach(command::add);
    return command;
  }

  @Test
  void theDemoHoldsAndLeavesNothingBehind() {
    var run = demo("--size", "24M").run();

    assertThat(run.out())
        .contains(
            "Two files play the disks",
            "have it in use at the same time",
            "read back through n2",
            "SIGKILL in mid-write",
            "n2 gives back at once all that was acknowledged",
            "of 48 chunks of 1 MiB",
            "n2 has taken over what n1 left",
            "n2 gives back the same as before the recovery",
            "The writer goes on through n2",
            "compared byte by byte: equal")
        .containsPattern("All of it held\\. It took [0-9.]+ s\\.\n$");
    assertThat(run.err()).containsPattern("resync: [0-9]+ %");
    assertThat(scratch).isEmptyDirectory();
  }

  @Test
  void anyFileWillDoAndTheDisksAreKeptOnRequest() throws IOException {
    Path input = Files.write(directory.resolve("small"), new byte[1000]);
    Path kept = directory.resolve("kept");

    var run = demo("--input", input, "--keep", kept, "--json").run();

    var json = JsonMapper.shared().readTree(run.out());
    assertThat(json.get("bytes").asLong()).isEqualTo(1000);
    assertThat(json.get("acknowledgedBytes").asLong()).isEqualTo(1000);
    assertThat(json.get("takeoverMillis").asLong()).isPositive();
    assertThat(json.get("dirtyChunks").asInt()).isEqualTo(1);
    assertThat(Tool.of("sha256sum", input).run().out()).startsWith(json.get("sha256").asString());
    assertThat(kept.resolve("n1.log")).exists();
    assertThat(kept.resolve("disk-a")).exists();
    assertThat(MemberFiles.sameData(kept.resolve("disk-a"), kept.resolve("disk-b"))).isTrue();
    assertThat(scratch).isEmptyDirectory();
  }

  @Test
  void filesThatAreThereAlreadyAreLeftAlone() throws IOException {
    Files.writeString(directory.resolve("disk-b"), "precious");

    var run = demo("--size", "1M", "--keep", directory).runToAnyEnd();

    assertThat(run.status()).isEqualTo(4);
    assertThat(directory.resolve("disk-b")).hasContent("precious");
  }

  @Test
  void aSignalEndsTheNodesAndRemovesTheFiles() {
    try (Background run = Background.start(command(), directory.resolve("log"))) {
      run.await("nodes", () -> run.log().contains("have it in use at the same time"));
      List<ProcessHandle> nodes = ProcessHandle.of(run.pid()).orElseThrow().children().toList();
      assertThat(nodes).hasSize(2);

      assertThat(run.terminate()).isEqualTo(SIGTERM_STATUS);

      assertThat(nodes).noneMatch(ProcessHandle::isAlive);
      assertThat(scratch).isEmptyDirectory();
      assertThat(run.log()).doesNotContain("mirrorctl: ");
    }
  }

  @Test
  void anInputThatIsNoneIsNamed() {
    var run = demo("--input", directory.resolve("none")).runToAnyEnd();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).contains(directory.resolve("none").toString()).hasLineCount(1);
  }
}
