package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class DemoIT {
  @TempDir Path directory;
  private Path scratch;

  @BeforeEach
  void makeScratch() throws IOException {
    scratch = Files.createDirectory(directory.resolve("tmp"));
  }

  private Tool demo(Object... arguments) {
    var command = new ArrayList<Object>(NodeProcess.java("io.mirrorctl.cli.Main"));
    command.add(1, "-Djava.io.tmpdir=" + scratch);
    command.add("demo");
    command.addAll(List.of(arguments));
    return Tool.of(command);
  }

  @Test
  void theDemoHoldsAndLeavesNothingBehind() {
    var run = demo("--size", "24M").run();

    assertThat(run.out())
        .contains(
            "Two files play the disks",
            "SIGKILL in mid-write",
            "of 24 chunks of 1 MiB",
            "What had been flushed before the crash is there",
            "compared byte by byte: equal")
        .endsWith("All of it held.\n");
    assertThat(scratch).isEmptyDirectory();
  }

  @Test
  void anyFileWillDoAndTheDisksAreKeptOnRequest() throws IOException {
    Path input = Files.write(directory.resolve("small"), new byte[1000]);
    Path kept = directory.resolve("kept");

    var run = demo("--input", input, "--keep", kept, "--json").run();

    var json = JsonMapper.shared().readTree(run.out());
    assertThat(json.get("bytes").asLong()).isEqualTo(1000);
    assertThat(json.get("dirtyChunks").asInt()).isEqualTo(1);
    assertThat(Tool.of("sha256sum", input).run().out()).startsWith(json.get("sha256").asString());
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
  void anInputThatIsNoneIsNamed() {
    var run = demo("--input", directory.resolve("none")).runToAnyEnd();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).contains(directory.resolve("none").toString()).hasLineCount(1);
  }
}
