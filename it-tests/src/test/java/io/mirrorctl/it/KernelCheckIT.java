package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelCheckIT {

  @Test
  void theVerdictIsReadFromTheLastLine() {
    var values =
        KernelCheck.verdict(
            """
            ##### assemble
            mdadm: /dev/md0 has been started with 2 drives.
            KERNEL-CHECK ok clustered=yes sha256=a13e mismatch_cnt=0 events=25,25 vm_seconds=16
            """);

    assertThat(values)
        .containsEntry("clustered", "yes")
        .containsEntry("events", "25,25")
        .containsEntry("mismatch_cnt", "0")
        .hasSize(5);
  }

  @Test
  void aRefusalFailsTheTestWithTheKernelsWords() {
    assertThatThrownBy(
            () -> KernelCheck.verdict("mdadm: no superblock\nKERNEL-CHECK fail: assemble rc 1\n"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("mdadm: no superblock", "assemble rc 1");
  }

  @Test
  void noVerdictAtAllFailsTheTest() {
    assertThatThrownBy(() -> KernelCheck.verdict("killed\n")).isInstanceOf(AssertionError.class);
  }

  @Test
  @Tag("nightly")
  void theKernelRefusesMembersWithoutASuperblock(@TempDir Path directory) throws IOException {
    Path first = Files.write(directory.resolve("m0"), new byte[4 << 20]);
    Path second = Files.write(directory.resolve("m1"), new byte[4 << 20]);

    assertThatThrownBy(() -> KernelCheck.of(first, second).run())
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("KERNEL-CHECK fail");
  }

  @Test
  @Tag("nightly")
  void theKernelResyncsAnImageOfItsOwnAfterAPowerCut(@TempDir Path directory) throws IOException {
    var kept = directory.resolve("kept");

    var values = KernelCheck.of(image("m0", directory), image("m1", directory)).keepIn(kept).run();

    assertThat(values)
        .containsEntry("clustered", "no")
        .containsEntry("degraded", "0")
        .containsEntry("mismatch_cnt", "0");
    assertThat(kept).isDirectoryContaining("glob:**/m0.img");
  }

  private static Path image(String member, Path directory) throws IOException {
    String resource = "/kernel/fixtures/F6-plain-powercut/" + member + ".img.xz";
    Path copy = directory.resolve(member + ".img.xz");
    try (var packed = KernelCheckIT.class.getResourceAsStream(resource)) {
      Files.copy(packed, copy);
    }
    return copy;
  }
}
