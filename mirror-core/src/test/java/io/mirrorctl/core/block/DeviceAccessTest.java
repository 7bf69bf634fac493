package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.BlockDeviceContract.inParallel;
import static io.mirrorctl.core.block.BlockDeviceContract.refused;
import static io.mirrorctl.core.block.FileDeviceContractTest.sparseFile;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceAccessTest {
  private static final DeviceAccess EXCLUSIVE = new DeviceAccess.Exclusive();
  private static final DeviceAccess READ_ONLY = new DeviceAccess.ReadOnly();
  private static final DeviceAccess NORTH = new DeviceAccess.SharedBy("north/vol0");
  private static final DeviceAccess SOUTH = new DeviceAccess.SharedBy("south/vol0");

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void makeFile() throws Exception {
    file = sparseFile(directory, 1 << 20);
  }

  private FileDevice open(DeviceAccess access) throws Exception {
    return FileDevice.open(file, access);
  }

  // ---- within a process

  @Test
  void anExclusiveUserKeepsAllOthersOutUntilItCloses() throws Exception {
    try (var _ = open(EXCLUSIVE)) {
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
      refused(IoFailure.BUSY, () -> open(NORTH));
      try (var looking = open(READ_ONLY)) {
        assertThat(looking.sizeBytes()).isEqualTo(1 << 20);
      }
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
    }
    open(EXCLUSIVE).close();
    open(NORTH).close();
  }

  @Test
  void aClusterSharesWithItselfAndWithNobodyElse() throws Exception {
    try (var _ = open(NORTH)) {
      try (var _ = open(NORTH)) {
        refused(IoFailure.BUSY, () -> open(SOUTH));
        refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
      }
      refused(IoFailure.BUSY, () -> open(SOUTH));
    }
    try (var _ = open(SOUTH)) {
      refused(IoFailure.BUSY, () -> open(NORTH));
    }
  }

  @Test
  void aRefusedUserLeavesNoTrace() throws Exception {
    try (var _ = open(NORTH)) {
      refused(IoFailure.BUSY, () -> open(SOUTH));
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
    }
    open(EXCLUSIVE).close();
  }

  /** POSIX locks of a process are all lost when it closes any descriptor of the file. */
  @Test
  void aClaimOutlivesOtherDescriptorsOfTheFile() throws Exception {
    try (var _ = open(EXCLUSIVE)) {
      Files.readAllBytes(file);
      FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE).close();
      open(READ_ONLY).close();
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
      try (var other = ClaimHolder.start(file, "")) {
        assertThat(other.answer()).startsWith("BUSY");
      }
    }
  }

  @Test
  void anotherPathToTheFileIsTheSameClaim() throws Exception {
    Path link = Files.createLink(directory.resolve("hard"), file);
    Path symbolic = Files.createSymbolicLink(directory.resolve("symbolic"), link);
    try (var _ = open(EXCLUSIVE)) {
      refused(IoFailure.BUSY, () -> FileDevice.open(link, EXCLUSIVE));
      refused(IoFailure.BUSY, () -> FileDevice.open(symbolic, NORTH));
    }
  }

  @Test
  void ofManyThatRaceNoTwoGetWhatExcludesTheOther() throws Exception {
    for (int round = 0; round < 10; round++) {
      Set<DeviceAccess> winners = ConcurrentHashMap.newKeySet();
      AtomicInteger exclusive = new AtomicInteger();
      CyclicBarrier together = new CyclicBarrier(6);
      inParallel(
          6,
          thread -> {
            DeviceAccess access = thread % 3 == 0 ? NORTH : thread % 3 == 1 ? SOUTH : EXCLUSIVE;
            together.await();
            try (var _ = open(access)) {
              winners.add(access);
              if (access.equals(EXCLUSIVE)) {
                exclusive.incrementAndGet();
              }
              together.await();
            } catch (DeviceException e) {
              assertThat(e.failure()).isEqualTo(IoFailure.BUSY);
              together.await();
            }
            return null;
          });
      assertThat(winners).hasSizeLessThanOrEqualTo(1);
      assertThat(exclusive.get()).isLessThanOrEqualTo(1);
    }
  }

  // ---- across processes

  @Test
  void anotherProcessIsKeptOutAndNamedAndItsDeathSetsFree() throws Exception {
    try (var other = ClaimHolder.start(file, "")) {
      assertThat(other.answer()).isEqualTo("held");
      assertThatThrownBy(() -> open(EXCLUSIVE))
          .hasMessageContaining(file + " is in use by process " + other.pid() + " (java)");
      refused(IoFailure.BUSY, () -> open(NORTH));
      try (var third = ClaimHolder.start(file, "north/vol0")) {
        assertThat(third.answer()).startsWith("BUSY");
      }
    }
    open(EXCLUSIVE).close();
  }

  @Test
  void processesOfOneClusterShareAndOthersAreKeptOut() throws Exception {
    try (var other = ClaimHolder.start(file, "north/vol0")) {
      assertThat(other.answer()).isEqualTo("held");
      open(NORTH).close();
      refused(IoFailure.BUSY, () -> open(SOUTH));
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
    }
    open(SOUTH).close();
  }

  @Test
  void ownUseIsCalledSo() throws Exception {
    try (var _ = open(EXCLUSIVE)) {
      assertThatThrownBy(() -> open(EXCLUSIVE)).hasMessageContaining("this process itself");
    }
  }

  // ---- QEMU

  @Test
  void aQemuThatWritesKeepsUsOut() throws Exception {
    Process qemu =
        new ProcessBuilder("qemu-io", "-f", "raw", file.toString())
            .redirectErrorStream(true)
            .start();
    try (var commands = qemu.outputWriter()) {
      commands.write("write 0 512\n");
      commands.flush();
      qemu.inputReader().readLine(); // it has the file now
      assertThatThrownBy(() -> open(EXCLUSIVE)).hasMessageContaining("(qemu-io)");
      refused(IoFailure.BUSY, () -> open(NORTH));
    }
    qemu.onExit().join();
    open(EXCLUSIVE).close();
  }

  @Test
  void weKeepAQemuOutThatWantsToWrite() throws Exception {
    for (DeviceAccess access : new DeviceAccess[] {EXCLUSIVE, NORTH}) {
      try (var _ = open(access)) {
        var result =
            Commands.tryToRun("qemu-io", "-f", "raw", "-c", "write 0 512", file.toString());
        assertThat(result.exitCode()).isNotZero();
        assertThat(result.output()).contains("write\" lock");
      }
    }
    Commands.run("qemu-io", "-f", "raw", "-c", "write 0 512", file.toString());
  }

  /** As a QEMU with share-rw=on: it writes, and lets others write. */
  @Test
  void aQemuThatWouldShareIsNoCompanyEither() throws Exception {
    int qemu = Libc.open(file, Libc.O_RDWR);
    try {
      assertThat(Libc.setLock(qemu, Libc.LOCK_READ, 101, 1)).isZero();
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
      refused(IoFailure.BUSY, () -> open(NORTH));
    } finally {
      Libc.close(qemu);
    }
  }

  /** As a QEMU that reads an image which must not change. */
  @Test
  void aQemuThatReadsKeepsAnExclusiveUserOut() throws Exception {
    int qemu = Libc.open(file, Libc.O_RDONLY);
    try {
      assertThat(Libc.setLock(qemu, Libc.LOCK_READ, 201, 1)).isZero();
      refused(IoFailure.BUSY, () -> open(EXCLUSIVE));
    } finally {
      Libc.close(qemu);
    }
  }

  // ---- block devices

  @Test
  void aClaimOfABlockDeviceWorksAsOnAFile() throws Exception {
    try (var loop = LoopDevice.over(file, 512)) {
      try (var _ = FileDevice.open(loop.path(), EXCLUSIVE)) {
        refused(IoFailure.BUSY, () -> FileDevice.open(loop.path(), EXCLUSIVE));
        refused(IoFailure.BUSY, () -> FileDevice.open(loop.path(), NORTH));
      }
      try (var _ = FileDevice.open(loop.path(), NORTH);
          var _ = FileDevice.open(loop.path(), NORTH)) {
        refused(IoFailure.BUSY, () -> FileDevice.open(loop.path(), SOUTH));
        refused(IoFailure.BUSY, () -> FileDevice.open(loop.path(), EXCLUSIVE));
      }
      FileDevice.open(loop.path(), EXCLUSIVE).close();
    }
  }

  @Test
  void anExclusiveUserIsSeenThroughEveryNodeOfTheDevice() throws Exception {
    try (var loop = LoopDevice.over(file, 512)) {
      Path second = directory.resolve("node");
      Commands.run("cp", "--archive", loop.path().toString(), second.toString());
      try (var _ = FileDevice.open(loop.path(), EXCLUSIVE)) {
        refused(IoFailure.BUSY, () -> FileDevice.open(second, EXCLUSIVE));
        refused(IoFailure.BUSY, () -> FileDevice.open(second, NORTH));
      }
    }
  }

  @Test
  void nodesOfAClusterThatOpenADiskAtOnceDoNotRefuseEachOther() throws Exception {
    try (var loop = LoopDevice.over(file, 512)) {
      for (int round = 0; round < 20; round++) {
        CyclicBarrier together = new CyclicBarrier(6);
        inParallel(
            6,
            _ -> {
              together.await();
              FileDevice.open(loop.path(), NORTH).close();
              return null;
            });
      }
    }
  }

  @Test
  void aMountedBlockDeviceIsRefusedAndTheMountNamed() throws Exception {
    Path image = sparseFile(directory, 16 << 20);
    Path mountPoint = Files.createDirectory(directory.resolve("mounted here"));
    try (var mounted = MountedDirectory.ext4(image, mountPoint)) {
      Path disk = mounted.below().path();
      for (DeviceAccess access : new DeviceAccess[] {EXCLUSIVE, NORTH}) {
        assertThatThrownBy(() -> FileDevice.open(disk, access))
            .hasMessageContaining(disk + " cannot be had alone: mounted at " + mountPoint);
        refused(IoFailure.BUSY, () -> FileDevice.open(disk, access));
      }
      FileDevice.open(disk, READ_ONLY).close();
    }
  }

  @Test
  void aFileUnderALoopDeviceIsRefusedUnlessTheLoopDeviceOnlyReads() throws Exception {
    try (var loop = LoopDevice.over(file, 512)) {
      assertThatThrownBy(() -> open(EXCLUSIVE)).hasMessageContaining(loop.path().toString());
      refused(IoFailure.BUSY, () -> open(NORTH));
      open(READ_ONLY).close();
    }
    try (var _ = LoopDevice.readOnlyOver(file)) {
      open(EXCLUSIVE).close();
    }
  }
}
