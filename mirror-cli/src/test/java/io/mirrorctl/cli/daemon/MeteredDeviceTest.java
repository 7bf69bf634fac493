package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDeviceContract;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MeteredDeviceTest {
  @Nested
  class KeepsWhatTheDeviceBelowPromises extends BlockDeviceContract {
    @TempDir Path directory;

    @Override
    protected BlockDevice open() throws Exception {
      Path file = Files.createTempFile(directory, "member", ".img");
      try (var f = new RandomAccessFile(file.toFile(), "rw")) {
        f.setLength(BYTES);
      }
      return new MeteredDisk(
          FileDevice.open(file, new DeviceAccess.Exclusive()), Env.system().ticker(), _ -> {});
    }
  }

  @Test
  void whatEndsWellIsCountedWithItsBytesAndWhatFailsOnlyAsAFailure() throws IOException {
    var disk = new SimDisk("disk", 1 << 20);
    var metered = new MeteredDevice(disk, Env.system().ticker());

    metered.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
    metered.writeZeroes(8192, 8192, WriteOption.NONE);
    metered.read(0, ByteBuffer.allocate(512));
    metered.flush();
    assertThatThrownBy(() -> metered.read(1 << 20, ByteBuffer.allocate(512)))
        .isInstanceOf(IOException.class);

    assertThat(metered.counts()).isEqualTo(new MeteredDevice.Counts(1, 512, 2, 4096 + 8192, 1, 1));
    assertThat(metered.underWay().oldest()).isEmpty();
  }

  @Test
  void whatIsInTheDeviceIsUnderWay() throws IOException {
    var disk = new SimDisk("disk", 1 << 20);
    var metered = new MeteredDevice(disk, Env.system().ticker());
    List<Long> seen = new ArrayList<>();
    disk.hook(_ -> metered.underWay().oldest().map(UnderWay.Oldest::requests).ifPresent(seen::add));

    metered.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);

    assertThat(seen).isNotEmpty().containsOnly(1L);
  }

  @Test
  void aDiskThatIsNoServerFencesNobodyAndItsEndIsTold() throws IOException {
    List<MeteredDisk> closed = new ArrayList<>();
    var metered = new MeteredDisk(new SimDisk("disk", 1 << 20), Env.system().ticker(), closed::add);

    assertThat(metered.isConnected()).isTrue();
    assertThat(metered.fence(Map.of(1, 1L))).isEqualTo(FencingDevice.Fence.NOT_POSSIBLE);
    metered.close();

    assertThat(closed).containsExactly(metered);
  }
}
