package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SuperblockErasureTest {
  private static final int BYTES = 4 << 20;
  private static final long SECTOR_OF_1_0 = (BYTES / 512 - 16) & ~7L;
  private static final long SECTOR_OF_0_90 = (BYTES / 512 & ~127L) - 128;

  @TempDir Path directory;
  private final ByteBuffer image = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);

  @Test
  void superblocksOfAllVersionsAreFoundByTheirMagic() throws IOException {
    putMagic(0, 1);
    putMagic(8, 1);
    putMagic(SECTOR_OF_1_0, 1);
    putMagic(SECTOR_OF_0_90, 0);

    assertThat(find()).containsExactlyInAnyOrder(8L, 0L, SECTOR_OF_1_0, SECTOR_OF_0_90);
  }

  @Test
  void anEmptyDiskHasNone() throws IOException {
    assertThat(find()).isEmpty();
  }

  @Test
  void whatLooksLikeOneInsideAMembersDataIsData() throws IOException {
    putMember(BYTES / 512 - 2048);
    putMagic(SECTOR_OF_1_0, 1);
    putMagic(SECTOR_OF_0_90, 0);

    assertThat(find()).containsExactly(8L);
  }

  @Test
  void behindAMembersDataItIsASuperblock() throws IOException {
    putMember(1024);
    putMagic(SECTOR_OF_1_0, 1);

    assertThat(find()).containsExactly(8L, SECTOR_OF_1_0);
  }

  @Test
  void erasingTakesThePlaceAndNothingBesideIt() throws IOException {
    for (int i = 0; i < BYTES; i++) {
      image.put(i, (byte) 'x');
    }
    Path file = write();
    try (var device = FileDevice.open(file, new DeviceAccess.Exclusive())) {
      SuperblockErasure.erase(device, SuperblockErasure.usualPlace());
    }
    for (int i = 4096; i < 8192; i++) {
      image.put(i, (byte) 0);
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(image.array());
  }

  private void putMagic(long sector, int version) {
    image.putInt((int) sector * 512, SuperblockCodec.MAGIC).putInt((int) sector * 512 + 4, version);
  }

  private void putMember(long sizeSectors) {
    Superblock superblock =
        Superblock.builder()
            .size(sizeSectors)
            .raidDisks(1)
            .dataOffset(2048)
            .dataSize(BYTES / 512 - 2048)
            .build();
    image.put(4096, SuperblockCodec.encode(superblock), 0, 512);
  }

  private List<Long> find() throws IOException {
    try (var device = FileDevice.open(write(), new DeviceAccess.ReadOnly())) {
      return SuperblockErasure.find(device).stream().map(SectorRange::start).toList();
    }
  }

  private Path write() throws IOException {
    return Files.write(directory.resolve("disk"), image.array());
  }
}
