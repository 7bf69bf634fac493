package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.DeviceAccess;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DisksTest {

  @Test
  void aPathIsTheSameFromEveryDirectory() {
    String here = Path.of("").toAbsolutePath().toString();

    assertThat(Disks.name("a.img")).isEqualTo(here + "/a.img");
    assertThat(Disks.name("/dev/../dev/sda")).isEqualTo("/dev/sda");
    assertThat(Disks.name("nbd://host/export")).isEqualTo("nbd://host/export");
    assertThat(Disks.name("nbd+unix:///e?socket=/s")).isEqualTo("nbd+unix:///e?socket=/s");
  }

  @Test
  void noNameIsNoDisk() {
    assertThatThrownBy(() -> Disks.name(" ")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Disks.name("a\0b")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aFileIsOpenedUnderItsName(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("a.img");
    try (var grown = new RandomAccessFile(file.toFile(), "rw")) {
      grown.setLength(1 << 20);
    }
    try (var disk = Disks.DEFAULT.open(Disks.name(file.toString()), new DeviceAccess.Exclusive())) {
      assertThat(disk.name()).isEqualTo(file.toString());
      assertThat(disk.sizeBytes()).isEqualTo(1 << 20);
    }
  }
}
