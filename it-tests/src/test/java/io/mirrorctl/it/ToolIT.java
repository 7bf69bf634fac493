package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

class ToolIT {

  @Test
  void standardOutputAndErrorAreKeptApart() {
    var output = Tool.of("sh", "-c", "echo out; echo err >&2").run();

    assertThat(output.out()).isEqualTo("out\n");
    assertThat(output.err()).isEqualTo("err\n");
  }

  @Test
  void bothStreamsMayBeLongerThanAPipeHolds() {
    var output =
        Tool.of("sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2").run();

    assertThat(output.out()).hasSize(300_000);
    assertThat(output.err()).hasSize(300_000);
  }

  @Test
  void theProgramReadsWhatItIsGiven(@TempDir Path directory) {
    var output =
        Tool.of("sh", "-c", "cat; echo $GREETING; pwd")
            .input("hello\n")
            .environment("GREETING", 7)
            .directory(directory)
            .run();

    assertThat(output.out()).isEqualTo("hello\n7\n" + directory + "\n");
  }

  @Test
  void anotherStatusThanZeroFailsTheTestWithAllThatWasPrinted() {
    var tool = Tool.of("sh", "-c", "echo tried; echo refused >&2; exit 3");

    assertThatThrownBy(tool::run)
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("sh failed", "status 3", "tried", "refused");
    assertThat(tool.runToAnyEnd().status()).isEqualTo(3);
  }

  @Test
  void aProgramThatIsNotInstalledIsNamedWithItsPackage() {
    assertThatThrownBy(() -> Tool.of("nbdinfo-of-nobody").run())
        .isInstanceOfAny(AssertionError.class, TestAbortedException.class) // on CI; elsewhere
        .hasMessageContainingAll("cannot start nbdinfo-of-nobody", "package");
  }

  @Test
  void aProgramBeyondItsTimeLimitIsKilledWithItsChildren() {
    var tool = Tool.of("sh", "-c", "echo begun; sleep 300 & echo $!; wait");

    assertThatThrownBy(() -> tool.limit(Duration.ofSeconds(1)).run())
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("did not end within 1 s", "begun")
        .satisfies(failure -> {
          var lines = failure.getMessage().lines().toList();
          long child = Long.parseLong(lines.get(lines.indexOf("begun") + 1));
          assertThat(ProcessHandle.of(child)).isEmpty();
        });
  }
}
