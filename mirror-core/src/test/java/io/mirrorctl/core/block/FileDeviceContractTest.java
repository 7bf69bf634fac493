package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;

class FileDeviceContractTest {
  static Path sparseFile(Path directory, long bytes) throws Exception {
    Path file = Files.createTempFile(directory, "member", ".img");
    try (var f = new RandomAccessFile(file.toFile(), "rw")) {
      f.setLength(bytes);
    }
    return file;
  }

  @Nested
  class OnAFile extends BlockDeviceContract {
    @TempDir Path directory;

    @Override
    protected BlockDevice open() throws Exception {
      Path file = sparseFile(directory, BYTES);
      return FileDevice.open(file, new DeviceAccess.Exclusive());
    }
  }

  @Nested
  class InMemory extends BlockDeviceContract {
    @Override
    protected BlockDevice open() throws Exception {
      Path file = sparseFile(Path.of("/dev/shm"), BYTES);
      closing(() -> Files.delete(file));
      return FileDevice.open(file, new DeviceAccess.Exclusive());
    }
  }

  /** No direct I/O, no hole punching: everything goes by the page cache and by writing. */
  @Nested
  class OnAFileSystemThatCanDoNothing extends BlockDeviceContract {
    @TempDir Path directory;

    @Override
    protected BlockDevice open() throws Exception {
      closing(MountedDirectory.ramfs(directory));
      Path file = sparseFile(directory, BYTES);
      FileDevice device = closing(FileDevice.open(file, new DeviceAccess.Exclusive()));
      assertThat(device.direct()).isFalse();
      return device;
    }
  }

  /** A server below the kernel's FUSE: direct, but nothing is known of its alignment. */
  @Nested
  class OnFuse extends BlockDeviceContract {
    @TempDir Path directory;

    @Override
    protected BlockDevice open() throws Exception {
      Path image = sparseFile(directory, BYTES);
      var export = closing(QemuFuseExport.of(image, directory.resolve("exported")));
      return FileDevice.open(export.path(), new DeviceAccess.Exclusive());
    }
  }

  abstract static class OnALoopDevice extends BlockDeviceContract {
    @TempDir Path directory;

    abstract int sectorBytes();

    @Override
    protected BlockDevice open() throws Exception {
      var loop = closing(LoopDevice.over(sparseFile(directory, BYTES), sectorBytes()));
      FileDevice device = closing(FileDevice.open(loop.path(), new DeviceAccess.Exclusive()));
      assertThat(device.blockSizes().minimum()).isEqualTo(sectorBytes());
      return device;
    }
  }

  @Nested
  class OnALoopDeviceWithSectorsOf512 extends OnALoopDevice {
    @Override
    int sectorBytes() {
      return 512;
    }
  }

  @Nested
  class OnALoopDeviceWithSectorsOf4096 extends OnALoopDevice {
    @Override
    int sectorBytes() {
      return 4096;
    }
  }
}
