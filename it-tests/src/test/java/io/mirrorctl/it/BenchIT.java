package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark script with nbdkit in the place of a node: does it measure, and clean up? */
class BenchIT {
  private static final Path SCRIPT = Path.of("src/bench/run");

  @TempDir Path directory;

  @Test
  void everyServerIsMeasuredInEveryJob() {
    var output =
        bench(
                "echo \"ready name=n socket=/s nbd=unix:$nbd\"; exec nbdkit -f -e bench -U \"$nbd\" file \"$m0\"")
            .run();

    String count = "(\\| [1-9][0-9]* )";
    assertThat(output.out().lines().filter(line -> line.startsWith("| rand")))
        .singleElement(InstanceOfAssertFactories.STRING)
        .matches("\\| randwrite 4k 4 " + count + "{2}\\| [0-9]+\\.[0-9]{2} " + count + "{6}\\|");
    assertNothingIsLeft();
  }

  @Test
  void aNodeThatDoesNotServeEndsTheRunWithItsWords() {
    var output = bench("echo no such array >&2; exit 1").runToAnyEnd();

    assertThat(output.status()).isEqualTo(1);
    assertThat(output.err()).contains("mirrorctl does not serve", "no such array");
    assertNothingIsLeft();
  }

  private Tool bench(String node) {
    return Tool.of(
        "bash",
        SCRIPT,
        "-r",
        1,
        "-s",
        1,
        "-g",
        "16M",
        "-d",
        directory.resolve("bench"),
        "-c",
        "true",
        "-j",
        "randwrite 4k 4",
        "-n",
        node);
  }

  private void assertNothingIsLeft() {
    assertThat(directory.resolve("bench")).doesNotExist();
    assertThat(ProcessHandle.allProcesses())
        .noneMatch(
            process -> process.info().commandLine().orElse("").contains(directory.toString()));
  }
}
