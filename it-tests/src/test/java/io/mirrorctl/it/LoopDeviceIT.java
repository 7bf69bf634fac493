package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoopDeviceIT {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {512, 4096})
  void theDeviceHasTheSectorSizeAskedFor(int sectorBytes) throws IOException {
    try (var loop = LoopDevice.attach(image(), sectorBytes)) {
      assertThat(Tool.of("blockdev", "--getss", loop.path()).run().out())
          .isEqualTo(sectorBytes + "\n");
      assertThat(Tool.of("blockdev", "--getsize64", loop.path()).run().out())
          .isEqualTo("8388608\n");
    }
  }

  @Test
  void whatIsWrittenToTheDeviceIsInTheFileAfterwards() throws IOException {
    Path image = image();
    try (var loop = LoopDevice.attach(image)) {
      Tool.of("dd", "of=" + loop.path(), "bs=512", "seek=3", "conv=fsync").input("hello").run();
    }

    assertThat(new String(Files.readAllBytes(image), 3 * 512, 5, UTF_8)).isEqualTo("hello");
  }

  @Test
  void aClosedDeviceHasLetGoOfItsFile() throws IOException {
    Path image = image();
    var loop = LoopDevice.attach(image);
    assertThat(loop.attached()).isTrue();

    loop.close();

    assertThat(Tool.of("losetup", "--associated", image).run().out()).isEmpty();
  }

  private Path image() throws IOException {
    Path image = directory.resolve("image");
    try (var file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(8 << 20);
    }
    return image;
  }
}
