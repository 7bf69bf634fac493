package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
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
    private Path file;

    @Override
    protected BlockDevice open() throws Exception {
      file = sparseFile(Path.of("/dev/shm"), BYTES);
      return FileDevice.open(file, new DeviceAccess.Exclusive());
    }

    @AfterEach
    void deleteFile() throws Exception {
      Files.deleteIfExists(file);
    }
  }

  /** No direct I/O, no hole punching: everything goes by the page cache and by writing. */
  @Nested
  class OnAFileSystemThatCanDoNothing extends BlockDeviceContract {
    @TempDir Path directory;
    private MountedDirectory mounted;

    @Override
    protected BlockDevice open() throws Exception {
      mounted = MountedDirectory.ramfs(directory);
      FileDevice device =
          FileDevice.open(sparseFile(directory, BYTES), new DeviceAccess.Exclusive());
      assertThat(device.direct()).isFalse();
      return device;
    }

    @AfterEach
    void unmount() throws Exception {
      device().close();
      mounted.close();
    }
  }

  /** A server below the kernel's FUSE: direct, but nothing is known of its alignment. */
  @Nested
  class OnFuse extends BlockDeviceContract {
    @TempDir Path directory;
    private QemuFuseExport export;

    @Override
    protected BlockDevice open() throws Exception {
      export = QemuFuseExport.of(sparseFile(directory, BYTES), directory.resolve("exported"));
      return FileDevice.open(export.path(), new DeviceAccess.Exclusive());
    }

    @AfterEach
    void stopTheServer() throws Exception {
      device().close();
      export.close();
    }
  }

  abstract static class OnALoopDevice extends BlockDeviceContract {
    @TempDir Path directory;
    private LoopDevice loop;

    abstract int sectorBytes();

    @Override
    protected BlockDevice open() throws Exception {
      loop = LoopDevice.over(sparseFile(directory, BYTES), sectorBytes());
      FileDevice device = FileDevice.open(loop.path(), new DeviceAccess.Exclusive());
      assertThat(device.blockSizes().minimum()).isEqualTo(sectorBytes());
      return device;
    }

    @AfterEach
    void detach() throws Exception {
      device().close();
      loop.close();
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
