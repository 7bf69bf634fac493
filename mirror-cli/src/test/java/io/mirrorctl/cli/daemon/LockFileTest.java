package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LockFileTest {
  @TempDir private Path directory;

  @Test
  void whoHasItKeepsOthersOutUntilItIsClosed() throws Exception {
    Path file = directory.resolve("state");
    try (LockFile _ = LockFile.take(file).orElseThrow();
        LockFile _ = LockFile.take(directory.resolve("another")).orElseThrow()) {
      assertThat(LockFile.take(file)).isEmpty();
      assertThat(LockFile.take(file)).as("a refusal lets go of nothing").isEmpty();
    }
    try (LockFile again = LockFile.take(file).orElseThrow()) {
      assertThat(again).isNotNull();
    }
  }

  @Test
  void theFileBesideItIsMadeAsAskedAndStays() throws Exception {
    Path file = directory.resolve("state");
    LockFile.take(
            file,
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))
        .orElseThrow()
        .close();
    assertThat(file).doesNotExist();
    assertThat(Files.getPosixFilePermissions(directory.resolve("state.lock")))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }
}
