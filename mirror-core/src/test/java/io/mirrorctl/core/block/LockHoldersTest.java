package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LockHoldersTest {
  private static final long INODE = 1234;
  private static final String CLAIM =
      "1: OFDLCK ADVISORY  WRITE -1 fe:00:1234 4611686018427387904 6917529027641081855";
  private static final String QEMU = "2: OFDLCK ADVISORY  READ  -1 fe:00:1234 100 101";

  @TempDir Path proc;

  private void process(int pid, String program, String open, String lock) throws IOException {
    Path process = Files.createDirectories(proc.resolve(Integer.toString(pid)));
    Files.writeString(process.resolve("comm"), program + "\n");
    Files.createDirectories(process.resolve("fd"));
    Files.createSymbolicLink(process.resolve("fd/7"), Path.of(open));
    Files.createDirectories(process.resolve("fdinfo"));
    Files.writeString(
        process.resolve("fdinfo/7"), "pos:\t0\nflags:\t0100002\nlock:\t" + lock + "\n");
  }

  private List<String> found() {
    return LockHolders.find(proc, INODE);
  }

  @Test
  void holdersAreNamed() throws IOException {
    process(20, "java", "/disk", CLAIM);
    process(21, "qemu-nbd", "/other name of the disk", QEMU);
    process(22, "java", "/disk", CLAIM.replace("1234", "12345"));
    process(23, "java", "/disk", CLAIM.replace("1234", "234"));
    process(24, "java", "/disk", CLAIM.replace("OFDLCK", "POSIX "));
    process(25, "java", "/disk", QEMU.replace(" 100 ", " 50 "));

    assertThat(found()).containsExactlyInAnyOrder("process 20 (java)", "process 21 (qemu-nbd)");
  }

  @Test
  void otherProgramsAreLookedAtIfNoneOfTheUsualOnesHasIt() throws IOException {
    process(20, "java", "/disk", CLAIM.replace("1234", "99"));
    process(21, "launcher", "/disk", CLAIM);
    assertThat(found()).containsExactly("process 21 (launcher)");

    process(22, "java", "/disk", CLAIM);
    assertThat(found()).containsExactly("process 22 (java)");
  }

  @Test
  void socketsAreNotLookedInto() throws IOException {
    process(20, "java", "socket:[77]", CLAIM);

    assertThat(found()).isEmpty();
  }

  @Test
  void nobodyIsLookedAtIfTheKernelHasNoSuchLock() throws IOException {
    process(20, "java", "/disk", CLAIM);
    Files.writeString(proc.resolve("locks"), CLAIM.replace("1234", "99") + "\n");
    assertThat(found()).isEmpty();

    Files.writeString(proc.resolve("locks"), QEMU.replace("1234", "99") + "\n" + QEMU + "\n");
    assertThat(found()).containsExactly("process 20 (java)");
  }

  @Test
  void thisProcessIsCalledByItsOwnName() throws IOException {
    process((int) ProcessHandle.current().pid(), "java", "/disk", CLAIM);

    assertThat(found()).containsExactly("this process itself");
  }
}
