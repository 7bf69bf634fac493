package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands as users run them, from the launcher to the exit code. */
class CommandsIT {
  @TempDir Path directory;

  @Test
  void anArrayIsCreatedExaminedComparedAndGivenUp() throws IOException {
    Path first = disk("a");
    Path second = disk("b");

    var created = Launched.of("create", "vol0", "a", "b").directory(directory).run();
    assertThat(created.out()).startsWith("created array vol0").contains(first.toString());
    assertThat(created.err()).isEmpty();
    assertThat(Launched.of("create", "vol0", first, second).runToAnyEnd().status()).isEqualTo(4);

    assertThat(Launched.of("examine", "--json", first).run().out()).contains("\"level\" : 1");

    try (var data = new RandomAccessFile(second.toFile(), "rw")) {
      data.seek(10 << 20);
      data.write(1);
    }
    var compared = Launched.of("compare", first, second).runToAnyEnd();
    assertThat(compared.status()).isEqualTo(1);
    assertThat(compared.out()).contains("sectors 18432..18432", "bitmap bits are set");

    Launched.of("zero-superblock", first, second).run();
    var gone = Launched.of("examine", first).runToAnyEnd();
    assertThat(gone.status()).isEqualTo(1);
    assertThat(gone.err())
        .isEqualTo(
            "mirrorctl: %s: not a member of an array: no md superblock at sector 8\n"
                .formatted(first));
  }

  @Test
  void aWrongCommandLineIsToldInOneLine() {
    var output = Launched.of("exmaine", "x").runToAnyEnd();

    assertThat(output.status()).isEqualTo(2);
    assertThat(output.out()).isEmpty();
    assertThat(output.err()).startsWith("mirrorctl: Unmatched argument").hasLineCount(1);
  }

  @Test
  void bashCompletesCommandsAndOptions() throws IOException {
    Path script = directory.resolve("completion");
    Files.writeString(script, Launched.of("completion", "bash").run().out());

    var output =
        Tool.of(
                "bash",
                "-c",
                "source \"$1\"; COMP_WORDS=(mirrorctl exam); COMP_CWORD=1; _complete_mirrorctl;"
                    + " echo \"${COMPREPLY[@]}\"",
                "bash",
                script)
            .run();

    assertThat(output.out()).contains("examine", "examine-bitmap");
  }

  @Test
  void aFullFileSystemIsReportedAndNoHalfArrayIsLeft() throws IOException {
    Path first = disk("a");
    Path small = Files.createDirectory(directory.resolve("small"));
    Tool.of("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small).run();
    try {
      Path second = small.resolve("b");
      try (var made = new RandomAccessFile(second.toFile(), "rw")) {
        made.setLength(32 << 20);
      }
      Files.write(small.resolve("rest"), new byte[60 << 10]);

      var output = Launched.of("create", "vol0", first, second).runToAnyEnd();

      assertThat(output.status()).isEqualTo(1);
      assertThat(output.err())
          .contains(second.toString(), "No space left", "free some space")
          .hasLineCount(1);
      assertThat(Launched.of("examine", first).runToAnyEnd().err()).contains("no md superblock");
    } finally {
      Tool.of("umount", small).run();
    }
  }

  private Path disk(String name) throws IOException {
    Path file = directory.resolve(name);
    try (var made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(32 << 20);
    }
    return file;
  }
}
