package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FuseFaultyFileIT {
  private static final int SECTORS = 2048;

  @TempDir Path directory;
  private Path image;

  @BeforeEach
  void makeAnImageWhoseSectorsHoldTheirNumbers() throws IOException {
    image = directory.resolve("image");
    var content = new StringBuilder();
    for (int sector = 0; sector < SECTORS; sector++) {
      content.append("%-511d%n".formatted(sector));
    }
    Files.writeString(image, content);
  }

  @Test
  void onlyReadsThatTouchTheBadSectorFail() {
    try (var disk = faulty(Fault.onRead(100))) {
      assertThat(read(disk, 100, 1).err()).contains("Input/output error");
      assertThat(read(disk, 96, 8).err()).contains("Input/output error");
      assertThat(read(disk, 99, 1).out()).startsWith("99 ");
      assertThat(read(disk, 101, 1).out()).startsWith("101 ");
      assertThat(write(disk, 100).status()).isZero();
      assertThat(read(disk, 100, 1).err()).contains("Input/output error");
    }
  }

  @Test
  void onlyWritesThatTouchTheBadSectorFail() throws IOException {
    try (var disk = faulty(Fault.onWrite(100))) {
      assertThat(write(disk, 100).err()).contains("Input/output error");
      assertThat(read(disk, 100, 1).out()).startsWith("100 ");
      assertThat(write(disk, 101).status()).isZero();
      assertThat(read(disk, 101, 1).out()).startsWith("new");
    }

    byte[] sectors = Files.readAllBytes(image);
    assertThat(new String(sectors, 100 * 512, 3, UTF_8)).isEqualTo("100");
    assertThat(new String(sectors, 101 * 512, 3, UTF_8)).isEqualTo("new");
  }

  @Test
  void anErrorThatComesOnceIsGoneAtTheNextRequest() {
    try (var disk = faulty(Fault.onRead(100).onlyOnce())) {
      assertThat(read(disk, 100, 1).status()).isNotZero();
      assertThat(read(disk, 100, 1).out()).startsWith("100 ");
    }
  }

  @Test
  void severalFaultsWorkSideBySide() {
    try (var disk = faulty(Fault.onRead(100), Fault.onRead(200), Fault.noSpaceOn(300))) {
      assertThat(read(disk, 100, 1).status()).isNotZero();
      assertThat(read(disk, 200, 1).status()).isNotZero();
      assertThat(write(disk, 300).err()).contains("No space left");
    }
  }

  @Test
  void aFlushFailsWhereItIsToldTo() {
    try (var disk = faulty(Fault.onFlush())) {
      assertThatThrownBy(
              () -> {
                try (var channel = FileChannel.open(disk.path(), StandardOpenOption.WRITE)) {
                  assertThat(channel.write(ByteBuffer.allocate(512), 0)).isEqualTo(512);
                  channel.force(false);
                }
              })
          .isInstanceOf(IOException.class)
          .hasMessageContaining("Input/output error");
    }
  }

  @Test
  void aDiskThatVanishedAnswersNothingButErrors() {
    try (var disk = faulty()) {
      assertThat(read(disk, 7, 1).out()).startsWith("7 ");
      disk.vanish();

      assertThat(read(disk, 7, 1).status()).isNotZero();
      assertThat(write(disk, 7).status()).isNotZero();
    }
  }

  @Test
  void nothingStaysMountedBehindAClosedDisk() {
    var disk = faulty();
    assertThat(Mounts.isMountPoint(disk.path())).isTrue();

    disk.close();

    assertThat(Mounts.isMountPoint(disk.path())).isFalse();
  }

  private FuseFaultyFile faulty(Fault... faults) {
    return FuseFaultyFile.inFrontOf(image, directory.resolve("disk"), faults);
  }

  private static Tool.Output read(FuseFaultyFile disk, int sector, int count) {
    return Tool.of(
            "dd",
            "if=" + disk.path(),
            "iflag=direct,skip_bytes",
            "bs=" + count * 512,
            "count=1",
            "skip=" + sector * 512)
        .runToAnyEnd();
  }

  private static Tool.Output write(FuseFaultyFile disk, int sector) {
    String sectorOfText = "%-511s%n".formatted("new");
    return Tool.of(
            "dd",
            "of=" + disk.path(),
            "oflag=direct",
            "conv=notrunc",
            "bs=512",
            "count=1",
            "iflag=fullblock",
            "seek=" + sector)
        .input(sectorOfText)
        .runToAnyEnd();
  }
}
