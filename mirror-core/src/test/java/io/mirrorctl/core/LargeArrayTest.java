package io.mirrorctl.core;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A 15 TiB array with chunks of 1 MiB, on sparse files (ext4 ends just below 16 TiB). */
class LargeArrayTest {
  private static final long TIB = 1L << 40;
  private static final long MIB = 1L << 20;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void itsBitmapCostsLittleMemoryMoreThanThatOfASmallArray(boolean clean) throws Exception {
    long small = heapWithArrayOf(64 * MIB, clean);
    long large = heapWithArrayOf(15 * TIB, clean);

    assertThat(large - small).isLessThan(64 * MIB);
  }

  @Test
  void itsLastBlockIsWrittenAndReadBack() throws Exception {
    List<Path> disks = create(15 * TIB, true);
    try (LocalMirror mirror = assemble(disks)) {
      long last = mirror.sizeBytes() - 4096;
      mirror.write(last, ByteBuffer.allocate(4096).put(0, (byte) 7));
      mirror.flush();
      ByteBuffer back = ByteBuffer.allocate(4096);
      mirror.read(last, back);
      assertThat(back.get(0)).isEqualTo((byte) 7);
      assertThat(mirror.array().status().dirtyChunks()).isEqualTo(1);
    }
  }

  private long heapWithArrayOf(long bytes, boolean clean) throws Exception {
    List<Path> disks = create(bytes, clean);
    try (LocalMirror mirror = assemble(disks)) {
      mirror.sync().pause();
      return usedHeap(mirror);
    }
  }

  private static long usedHeap(LocalMirror held) throws InterruptedException {
    long used = Long.MAX_VALUE;
    for (int i = 0; i < 5; i++) {
      System.gc();
      Thread.sleep(50);
      used = Math.min(used, Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory());
    }
    assertThat(held.sizeBytes()).isPositive();
    return used;
  }

  private static LocalMirror assemble(List<Path> disks) throws IOException {
    List<BlockDevice> devices = new ArrayList<>();
    for (Path disk : disks) {
      devices.add(FileDevice.open(disk, new DeviceAccess.Exclusive()));
    }
    return LocalMirror.assemble("large", devices, ArrayOptions.DEFAULT, Env.system());
  }

  private List<Path> create(long bytes, boolean clean) throws IOException {
    List<Path> disks =
        List.of(directory.resolve(bytes + "a.img"), directory.resolve(bytes + "b.img"));
    List<BlockDevice> devices = new ArrayList<>();
    for (Path disk : disks) {
      try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
        file.setLength(bytes);
      }
      devices.add(FileDevice.open(disk, new DeviceAccess.Exclusive()));
    }
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:large",
                devices,
                List.of(),
                List.of(),
                BitmapKind.INTERNAL,
                0,
                "",
                MIB,
                0,
                clean,
                false),
            Env.system())
        .write();
    for (BlockDevice device : devices) {
      device.close();
    }
    return disks;
  }
}
