package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.BlockDeviceContract.randomBytes;
import static io.mirrorctl.core.block.BlockDeviceContract.refused;
import static io.mirrorctl.core.block.FileDeviceContractTest.sparseFile;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class FileDeviceTest {
  private static final DeviceAccess EXCLUSIVE = new DeviceAccess.Exclusive();
  private static final DeviceAccess READ_ONLY = new DeviceAccess.ReadOnly();
  private static final long MIB = 1 << 20;

  @TempDir Path directory;

  // ---- what can be opened

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS) // opening a fifo would wait for a writer
  void onlyFilesAndBlockDevicesAreOpened() throws Exception {
    Path fifo = directory.resolve("fifo");
    Commands.run("mkfifo", fifo.toString());
    assertThatThrownBy(() -> FileDevice.open(fifo, READ_ONLY))
        .hasMessage(fifo + " is a fifo; a member is a regular file or a block device");
    assertThatThrownBy(() -> FileDevice.open(directory, EXCLUSIVE))
        .hasMessageContaining("is a directory");
    assertThatThrownBy(() -> FileDevice.open(Path.of("/dev/null"), EXCLUSIVE))
        .hasMessageContaining("is a character device");
  }

  @Test
  void aMissingFileIsNamed() {
    Path missing = directory.resolve("missing.img");
    assertThatThrownBy(() -> FileDevice.open(missing, EXCLUSIVE))
        .hasMessage(missing + ": No such file or directory");
  }

  @Test
  void anEmptyOrTinyFileIsRefused() throws Exception {
    Path file = sparseFile(directory, 0);
    assertThatThrownBy(() -> FileDevice.open(file, READ_ONLY)).hasMessage(file + " is empty");
    Files.write(file, new byte[511]);
    assertThatThrownBy(() -> FileDevice.open(file, READ_ONLY))
        .hasMessage(file + " has 511 bytes, less than one sector of 512");
  }

  @Test
  void aPartOfASectorAtTheEndIsLeftAlone() throws Exception {
    Path file = directory.resolve("odd.img");
    byte[] content = randomBytes(1, 3 * 4096 + 100);
    Files.write(file, content);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      assertThat(device.sizeBytes()).isEqualTo(3 * 4096);
      device.writeZeroes(0, device.sizeBytes(), WriteOption.NONE);
      refused(
          IoFailure.INVALID,
          () -> device.write(3 * 4096, ByteBuffer.allocate(512), WriteOption.NONE));
    }
    byte[] expected = new byte[content.length];
    System.arraycopy(content, 3 * 4096, expected, 3 * 4096, 100);
    assertThat(Files.readAllBytes(file)).isEqualTo(expected);
  }

  @Test
  void aFileThatHasGrownIsMeasuredAgainButNeverMadeSmaller() throws Exception {
    Path path = sparseFile(directory, 1 << 20);
    try (var device = FileDevice.open(path, EXCLUSIVE);
        var file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(2 << 20);
      assertThat(device.sizeBytes()).isEqualTo(1 << 20);
      assertThat(device.remeasure()).isEqualTo(2 << 20);
      device.write((2 << 20) - 4096, ByteBuffer.allocate(4096), WriteOption.NONE);
      file.setLength(1 << 20);
      assertThat(device.remeasure()).isEqualTo(2 << 20);
    }
  }

  @Test
  void aFileNameMayHoldAnyCharacter() throws Exception {
    Path file = directory.resolve("Mitglied ä 磁盘\n.img");
    Files.write(file, new byte[4096]);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      assertThat(device.sizeBytes()).isEqualTo(4096);
    }
  }

  // ---- reading only

  @Test
  void aDeviceOpenedToLookCannotBeChanged() throws Exception {
    Path file = sparseFile(directory, MIB);
    byte[] before = randomBytes(2, 512);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      device.write(0, ByteBuffer.wrap(before), WriteOption.NONE);
    }
    try (var device = FileDevice.open(file, READ_ONLY)) {
      assertThat(device.features())
          .containsExactlyInAnyOrder(DeviceFeature.READ_ONLY, DeviceFeature.SHARED_FLUSH);
      refused(
          IoFailure.READ_ONLY, () -> device.write(0, ByteBuffer.allocate(512), WriteOption.NONE));
      refused(IoFailure.READ_ONLY, () -> device.writeZeroes(0, 512, WriteOption.NONE));
      refused(IoFailure.READ_ONLY, () -> device.discard(0, 512, WriteOption.NONE));
      assertThat(read(device, 0, 512)).isEqualTo(before);
    }
  }

  @Test
  void aFileOnAReadOnlyFileSystemOpensOnlyToLook() throws Exception {
    try (var mounted = MountedDirectory.ramfs(Files.createDirectory(directory.resolve("m")))) {
      Path file = sparseFile(mounted.path(), MIB);
      mounted.makeReadOnly();
      assertThatThrownBy(() -> FileDevice.open(file, EXCLUSIVE))
          .hasMessage("opening " + file + " for writing: Read-only file system");
      refused(IoFailure.READ_ONLY, () -> FileDevice.open(file, EXCLUSIVE));
      try (var device = FileDevice.open(file, READ_ONLY)) {
        assertThat(read(device, 0, 512)).containsOnly(0);
      }
    }
  }

  @Test
  void aReadOnlyBlockDeviceOpensOnlyToLook() throws Exception {
    try (var loop = LoopDevice.readOnlyOver(sparseFile(directory, MIB))) {
      refused(IoFailure.READ_ONLY, () -> FileDevice.open(loop.path(), EXCLUSIVE));
      try (var device = FileDevice.open(loop.path(), READ_ONLY)) {
        assertThat(device.sizeBytes()).isEqualTo(MIB);
        assertThat(read(device, 0, 512)).containsOnly(0);
      }
    }
  }

  // ---- sizes and allocation

  @Test
  void offsetsBeyondFourGigabytesAreReached() throws Exception {
    Path file = sparseFile(directory, 8L << 40);
    byte[] data = randomBytes(3, 4096);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      long offset = (5L << 40) + 4096;
      device.write(offset, ByteBuffer.wrap(data), WriteOption.ONLY_DURABLE);
      assertThat(read(device, offset, 4096)).isEqualTo(data);
      assertThat(read(device, offset & 0xffffffffL, 4096)).containsOnly(0);
      assertThat(device.extents(0, device.sizeBytes()))
          .containsExactly(
              new BlockDevice.Extent(offset, true, true),
              new BlockDevice.Extent(4096, false, false),
              new BlockDevice.Extent(device.sizeBytes() - offset - 4096, true, true));
      device.discard(0, device.sizeBytes(), WriteOption.NONE);
      assertThat(read(device, offset, 4096)).containsOnly(0);
    }
  }

  @Test
  void zeroesAndDiscardsGiveStorageBackUnlessItIsToStay() throws Exception {
    Path file = sparseFile(directory, 4 * MIB);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      assertThat(device.features())
          .containsExactlyInAnyOrder(
              DeviceFeature.DISCARD,
              DeviceFeature.DISCARD_ZEROES,
              DeviceFeature.FAST_ZEROES,
              DeviceFeature.SHARED_FLUSH);
      device.write(0, ByteBuffer.wrap(randomBytes(4, 4 << 20)), WriteOption.ONLY_DURABLE);
      long full = allocated(file);
      device.writeZeroes(0, MIB, EnumSet.of(WriteOption.KEEP_ALLOCATED, WriteOption.DURABLE));
      assertThat(allocated(file)).isEqualTo(full);
      device.writeZeroes(MIB, MIB, WriteOption.ONLY_DURABLE);
      assertThat(full - allocated(file)).isEqualTo(MIB);
      device.discard(2 * MIB, MIB, WriteOption.ONLY_DURABLE);
      assertThat(full - allocated(file)).isEqualTo(2 * MIB);
    }
    byte[] content = Files.readAllBytes(file);
    assertThat(content).hasSize(4 << 20);
    assertThat(Arrays.mismatch(content, 0, 3 << 20, new byte[3 << 20], 0, 3 << 20)).isEqualTo(-1);
  }

  @Test
  void fastZeroesAreRefusedWhereOnlyWritingWouldDo() throws Exception {
    Path file = sparseFile(Path.of("/dev/shm"), MIB); // punches holes, cannot zero in place
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      device.writeZeroes(0, MIB, EnumSet.of(WriteOption.FAST_ONLY));
      refused(
          IoFailure.NOT_SUPPORTED,
          () ->
              device.writeZeroes(
                  0, MIB, EnumSet.of(WriteOption.FAST_ONLY, WriteOption.KEEP_ALLOCATED)));
      device.writeZeroes(0, MIB, EnumSet.of(WriteOption.KEEP_ALLOCATED));
      assertThat(allocated(file)).isEqualTo(MIB);
    } finally {
      Files.delete(file);
    }
  }

  // ---- durability: the loop device below counts the flushes that reach it

  @Test
  void everyDurableChangeOfABlockDeviceReachesTheMedium() throws Exception {
    try (var loop = LoopDevice.over(sparseFile(directory, 16 * MIB), 512);
        var device = FileDevice.open(loop.path(), EXCLUSIVE)) {
      for (Callable<?> change : changesToBeDurable(device)) {
        long before = loop.flushes();
        change.call();
        assertThat(loop.flushes()).isGreaterThan(before);
      }
      long before = loop.flushes();
      device.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
      device.writeZeroes(0, 4096, WriteOption.NONE);
      assertThat(loop.flushes()).isEqualTo(before);
    }
  }

  @Test
  void everyDurableChangeOfAFileReachesTheMedium() throws Exception {
    Path image = sparseFile(directory, 64 * MIB);
    try (var mounted = MountedDirectory.ext4(image, Files.createDirectory(directory.resolve("m")));
        var device = FileDevice.open(sparseFile(mounted.path(), 16 * MIB), EXCLUSIVE)) {
      // several times, since the file system's own journal is flushed now and then as well
      for (Callable<?> change : changesToBeDurable(device)) {
        long before = mounted.below().flushes();
        for (int i = 0; i < 4; i++) {
          change.call();
        }
        assertThat(mounted.below().flushes()).isGreaterThanOrEqualTo(before + 4);
      }
    }
  }

  private static List<Callable<Void>> changesToBeDurable(FileDevice device) {
    byte[] data = randomBytes(5, 3 << 20);
    ByteBuffer aligned = AlignedBuffers.shared().acquire(8192).put(data, 0, 8192).flip();
    return List.of(
        () -> {
          device.write(MIB, aligned.rewind(), WriteOption.ONLY_DURABLE);
          return null;
        },
        () -> {
          device.write(0, ByteBuffer.wrap(data), WriteOption.ONLY_DURABLE);
          return null;
        },
        () -> {
          device.write(0, ByteBuffer.wrap(data), WriteOption.NONE);
          device.flush();
          return null;
        },
        () -> {
          device.write(0, ByteBuffer.wrap(data), WriteOption.NONE);
          device.writeZeroes(0, MIB, WriteOption.ONLY_DURABLE);
          return null;
        },
        () -> {
          device.write(0, ByteBuffer.wrap(data), WriteOption.NONE);
          device.discard(0, MIB, WriteOption.ONLY_DURABLE);
          return null;
        });
  }

  // ---- errors

  @Test
  void aFullHostFileSystemIsCalledSo() throws Exception {
    Path image = sparseFile(directory, 16 * MIB);
    try (var mounted = MountedDirectory.ext4(image, Files.createDirectory(directory.resolve("m")));
        var device = FileDevice.open(sparseFile(mounted.path(), 32 * MIB), EXCLUSIVE)) {
      byte[] data = randomBytes(6, 1 << 20);
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> {
            for (long at = 0; at < device.sizeBytes(); at += MIB) {
              device.write(at, ByteBuffer.wrap(data), WriteOption.NONE);
            }
          })
          .satisfies(e -> assertThat(e.failure()).isEqualTo(IoFailure.NO_SPACE))
          .withMessageMatching("pwrite \\d+ bytes at \\d+ of .*: No space left on device");
      assertThat(read(device, 0, 1 << 20)).isEqualTo(data);
      device.discard(0, device.sizeBytes(), WriteOption.ONLY_DURABLE);
      device.write(31 * MIB, ByteBuffer.wrap(data), WriteOption.ONLY_DURABLE);
    }
  }

  @Test
  void badSectorsAreMediumErrorsAndTheOthersStillServe() throws Exception {
    Path image = sparseFile(directory, 4 * MIB);
    var bad =
        new QemuFuseExport.Fault[] {
          new QemuFuseExport.Fault("read", 2048, 5), new QemuFuseExport.Fault("write", 4096, 5)
        };
    try (var export = QemuFuseExport.of(image, directory.resolve("exported"), bad);
        var device = FileDevice.open(export.path(), EXCLUSIVE)) {
      byte[] data = randomBytes(7, 4096);
      device.write(MIB, ByteBuffer.wrap(data), WriteOption.NONE);
      assertThatThrownBy(() -> read(device, MIB, 4096))
          .hasMessage(
              "pread 4096 bytes at 1048576 of %s: Input/output error".formatted(export.path()));
      refused(IoFailure.MEDIUM, () -> read(device, MIB, 512));
      refused(
          IoFailure.MEDIUM,
          () -> device.write(2 * MIB, ByteBuffer.wrap(data), WriteOption.ONLY_DURABLE));
      assertThat(read(device, MIB + 512, 3584)).isEqualTo(Arrays.copyOfRange(data, 512, 4096));
      assertThat(read(device, 2 * MIB, 4096)).containsOnly(0);
    }
  }

  @Test
  void aFailedFlushIsReported() throws Exception {
    Path image = sparseFile(directory, 4 * MIB);
    var bad = new QemuFuseExport.Fault("flush", -1, 5);
    try (var export = QemuFuseExport.of(image, directory.resolve("exported"), bad);
        var device = FileDevice.open(export.path(), EXCLUSIVE)) {
      device.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
      refused(IoFailure.MEDIUM, device::flush);
      refused(
          IoFailure.MEDIUM,
          () -> device.write(0, ByteBuffer.allocate(4096), WriteOption.ONLY_DURABLE));
      refused(IoFailure.MEDIUM, () -> device.writeZeroes(0, 4096, WriteOption.ONLY_DURABLE));
    }
  }

  /** The kernel tells of a lost write once; asked again it says that all is well. */
  @Test
  void inThePageCacheAFailedFlushIsRememberedForGood() throws Exception {
    Path image = sparseFile(directory, 4 * MIB);
    var bad = new QemuFuseExport.Fault("flush", -1, 5, true);
    try (var export = QemuFuseExport.of(image, directory.resolve("exported"), bad);
        var device = FileDevice.openBuffered(export.path(), EXCLUSIVE)) {
      assertThat(device.direct()).isFalse();
      device.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
      refused(IoFailure.MEDIUM, device::flush);
      assertThatThrownBy(device::flush).hasMessageContaining("an earlier flush of");
      refused(
          IoFailure.MEDIUM,
          () -> device.write(0, ByteBuffer.allocate(4096), WriteOption.ONLY_DURABLE));
    }
  }

  @Test
  void aFileServerThatDiedIsGone() throws Exception {
    try (var export = QemuFuseExport.of(sparseFile(directory, MIB), directory.resolve("exported"));
        var device = FileDevice.open(export.path(), EXCLUSIVE)) {
      export.kill();
      refused(IoFailure.GONE, () -> read(device, 0, 512));
      refused(IoFailure.GONE, () -> device.write(0, ByteBuffer.allocate(512), WriteOption.NONE));
    }
  }

  @Test
  void aFileThatWasTruncatedMeanwhileIsGone() throws Exception {
    Path file = sparseFile(directory, MIB);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      try (var f = new RandomAccessFile(file.toFile(), "rw")) {
        f.setLength(4096 + 100);
      }
      assertThatThrownBy(() -> read(device, 0, 16384))
          .hasMessageContaining("was it truncated?")
          .hasMessageContaining("4196");
      refused(IoFailure.GONE, () -> read(device, 8192, 512));
      assertThat(read(device, 0, 4096)).containsOnly(0);
    }
  }

  @Test
  void aWrongRequestIsToldWhatIsWrongWithIt() throws Exception {
    Path file = sparseFile(directory, MIB);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      assertThatThrownBy(() -> read(device, MIB, 512))
          .hasMessage("read 512 bytes at 1048576 of %s: the device has 1048576 bytes", file);
      assertThatThrownBy(() -> read(device, 0, 100))
          .hasMessage("read 100 bytes at 0 of %s: its sectors have 512 bytes", file);
    }
  }

  @Test
  void aFailedReadOrWriteLeavesThePositionOfItsBuffer() throws Exception {
    Path file = sparseFile(directory, MIB);
    try (var device = FileDevice.open(file, EXCLUSIVE)) {
      try (var f = new RandomAccessFile(file.toFile(), "rw")) {
        f.setLength(512);
      }
      ByteBuffer into = ByteBuffer.allocate(5000).position(4);
      into.limit(4 + 4096);
      refused(IoFailure.GONE, () -> device.read(4096, into));
      assertThat(into.position()).isEqualTo(4);
      refused(IoFailure.INVALID, () -> device.write(MIB, into, WriteOption.NONE));
      assertThat(into.position()).isEqualTo(4);
    }
  }

  private static byte[] read(BlockDevice device, long offset, int length) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(length);
    device.read(offset, into);
    return into.array();
  }

  private static long allocated(Path file) throws IOException {
    return 512L * Long.parseLong(Commands.run("stat", "-c", "%b", file.toString()));
  }
}
