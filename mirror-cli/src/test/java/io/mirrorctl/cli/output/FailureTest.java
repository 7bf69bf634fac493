package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class FailureTest {

  @Test
  void protectedDataHasItsOwnExitCode() {
    assertThat(Failure.of(ArrayException.refused("b holds an ext4 file system")))
        .isEqualTo(new Failure(ExitCode.PROTECTED, "b holds an ext4 file system"));
    assertThat(Failure.of(ArrayException.failed("no such member")).code())
        .isEqualTo(ExitCode.FAILED);
  }

  @Test
  void aCommandChoosesItsCode() {
    assertThat(Failure.of(new CommandException(ExitCode.NO_NODE, "no node at /run/x")).code())
        .isEqualTo(ExitCode.NO_NODE);
  }

  @Test
  void theErrorsOfFilesSayWhatIsWrong() {
    assertThat(Failure.of(new NoSuchFileException("/a")).text())
        .isEqualTo("/a: no such file or directory");
    assertThat(Failure.of(new AccessDeniedException("/a")).text())
        .isEqualTo("/a: permission denied; run as a user who may, often root");
    assertThat(Failure.of(new UncheckedIOException(new IOException("disk on fire"))).text())
        .isEqualTo("disk on fire");
  }

  @Test
  void adviceIsAddedWhereThereIsNone() {
    assertThat(Failure.of(new DeviceException(IoFailure.NO_SPACE, "pwrite: full")).text())
        .isEqualTo("pwrite: full; free some space on the file system below and try again");
    assertThat(Failure.of(new DeviceException(IoFailure.GONE, "nbd://a/b: refused")).text())
        .isEqualTo("nbd://a/b: refused; see whether the disk, or the server it is on, is there");
    assertThat(Failure.of(new DeviceException(IoFailure.TIMEOUT, "nbd://a/b: silence")).text())
        .startsWith("nbd://a/b: silence; see whether the disk, ");
    assertThat(Failure.of(new DeviceException(IoFailure.BUSY, "a is in use by b; stop it")).text())
        .isEqualTo("a is in use by b; stop it");
  }

  @Test
  void aBugSaysThatItIsOne() {
    var failure = Failure.of(new IllegalStateException("3 < 2"));

    assertThat(failure.code()).isEqualTo(ExitCode.FAILED);
    assertThat(failure.text()).startsWith("internal error: ").contains("3 < 2", "--debug");
  }

  @Test
  void whatDisksSayCannotStirATerminal() {
    assertThat(Failure.of(new IOException("name \u001b[31m\nred")).text())
        .isEqualTo("name \\x1b[31m\\x0ared");
  }
}
