package io.mirrorctl.it;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** New arrays, on disks of zeroes that are taken to be equal. */
final class ArrayOnDisks {
  private static final int SLOTS = 4;

  private ArrayOnDisks() {}

  /** Sparse files of zeroes. */
  static List<Path> files(Path directory, long bytes, int count) throws IOException {
    var files = new ArrayList<Path>();
    for (int i = 0; i < count; i++) {
      Path path = directory.resolve("m" + i);
      try (var file = new RandomAccessFile(path.toFile(), "rw")) {
        file.setLength(bytes);
      }
      files.add(path);
    }
    return files;
  }

  /** Makes an array of files; clears bits some seconds after a write. */
  static List<Path> create(
      Path directory, long bytes, int members, BitmapKind kind, long chunkBytes)
      throws IOException {
    List<Path> files = files(directory, bytes, members);
    onFiles(files, new DeviceAccess.Exclusive(), devices -> create(devices, kind, chunkBytes));
    return files;
  }

  /** Makes an array of devices; clears bits some seconds after a write. */
  static void create(List<? extends BlockDevice> devices, BitmapKind kind, long chunkBytes)
      throws IOException {
    var request =
        new ArrayCreation.Request(
            "host:v",
            devices,
            List.of(),
            List.of(),
            kind,
            SLOTS,
            kind == BitmapKind.CLUSTERED ? "c" : "",
            kind == BitmapKind.NONE ? 0 : chunkBytes,
            0,
            true,
            false);
    ArrayCreation.plan(request, Env.system()).write();
    for (BlockDevice device : devices) {
      sweepEverySecond(device);
    }
  }

  /** Bits are cleared at the third look of the bitmap's daemon, by default after 15 s. */
  private static void sweepEverySecond(BlockDevice device) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    if (metadata.bitmapArea().isEmpty()) {
      return;
    }
    BitmapArea area = metadata.bitmapArea().get();
    for (int slot = 0; slot < area.slots(); slot++) {
      if (!(metadata.bitmapHeaders().get(slot) instanceof BitmapHeaderRead.Valid valid)) {
        throw new AssertionError(metadata.bitmapHeaders().get(slot).toString());
      }
      BitmapHeader header = valid.header().toBuilder().daemonSleep(1).build();
      ByteBuffer page = ByteBuffer.allocateDirect(BitmapGeometry.PAGE_BYTES);
      device.read(area.slotOffsetBytes(slot), page);
      page.put(0, BitmapHeaderCodec.encode(header), 0, BitmapHeaderCodec.BYTES);
      device.write(area.slotOffsetBytes(slot), page.flip(), WriteOption.NONE);
    }
    device.flush();
  }

  /** Opens files as devices while an action runs. */
  static void onFiles(List<Path> files, DeviceAccess access, Action action) throws IOException {
    var devices = new ArrayList<BlockDevice>();
    try {
      for (Path file : files) {
        devices.add(FileDevice.open(file, access));
      }
      action.run(devices);
    } finally {
      for (BlockDevice device : devices) {
        device.close();
      }
    }
  }

  /** Something to do with open devices. */
  @FunctionalInterface
  interface Action {
    void run(List<BlockDevice> devices) throws IOException;
  }
}
