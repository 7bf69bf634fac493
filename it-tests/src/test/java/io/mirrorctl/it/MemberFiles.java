package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Member files of new arrays, and what is in them while nobody uses them. */
final class MemberFiles {
  static final long CHUNK_BYTES = 256 << 10;

  private MemberFiles() {}

  /** Makes sparse files and an array with an internal bitmap on them; all of them hold zeroes. */
  static List<Path> create(long bytes, Path... files) {
    return create(BitmapKind.INTERNAL, bytes, files);
  }

  /** The same with a clustered bitmap of four slots. */
  static List<Path> createShared(long bytes, Path... files) {
    return create(BitmapKind.CLUSTERED, bytes, files);
  }

  private static List<Path> create(BitmapKind kind, long bytes, Path... files) {
    List<BlockDevice> devices = new ArrayList<>();
    try {
      for (Path file : files) {
        try (var out = new RandomAccessFile(file.toFile(), "rw")) {
          out.setLength(bytes);
        }
        devices.add(FileDevice.open(file, new DeviceAccess.Exclusive()));
      }
      ArrayCreation.plan(
              new ArrayCreation.Request(
                  "test",
                  devices,
                  List.of(),
                  List.of(),
                  kind,
                  kind == BitmapKind.CLUSTERED ? 4 : 1,
                  kind == BitmapKind.CLUSTERED ? "c" : "",
                  CHUNK_BYTES,
                  0,
                  true,
                  false),
              Env.system())
          .write();
      for (BlockDevice device : devices) {
        device.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.of(files);
  }

  static Superblock superblock(Path file) throws IOException {
    try (BlockDevice device = FileDevice.open(file, new DeviceAccess.ReadOnly())) {
      return MemberMetadata.read(device).superblock().examinable().orElseThrow();
    }
  }

  /** Bits that are set, over all slots. */
  static long dirtyChunks(Path file) throws IOException {
    try (BlockDevice device = FileDevice.open(file, new DeviceAccess.ReadOnly())) {
      return MemberAudit.of(List.of(device)).dirtyChunks(0);
    }
  }

  /** No slot of any member has a bit set, and their data areas are equal. */
  static void assertEqualAndClean(List<Path> files) throws IOException {
    for (Path file : files) {
      assertThat(dirtyChunks(file)).as("bits set on %s", file).isZero();
    }
    mirrorctl("compare", files.get(0), files.get(1)).run();
  }

  /** Changes some bytes of the data area, behind everybody's back. */
  static void spoil(Path file, long offset) throws IOException {
    long start = superblock(file).dataOffset() * SectorRange.SECTOR_BYTES;
    byte[] other = new byte[4096];
    Arrays.fill(other, (byte) 0x5A);
    try (var channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(other), start + offset);
    }
  }

  /** Whether the data areas are equal. */
  static boolean sameData(Path a, Path b) throws IOException {
    Superblock own = superblock(a);
    long start = own.dataOffset() * SectorRange.SECTOR_BYTES;
    long length = own.size() * SectorRange.SECTOR_BYTES;
    try (var left = FileChannel.open(a, StandardOpenOption.READ);
        var right = FileChannel.open(b, StandardOpenOption.READ)) {
      return left.map(FileChannel.MapMode.READ_ONLY, start, length)
          .equals(right.map(FileChannel.MapMode.READ_ONLY, start, length));
    }
  }

  /** The value of {@code --assemble}. */
  static String assemble(String name, List<Path> files) {
    return name + "=" + String.join(",", files.stream().map(Path::toString).toList());
  }

  /** The command with these arguments as a process of its own. */
  static Tool mirrorctl(Object... arguments) {
    var command = new ArrayList<Object>(NodeProcess.java("io.mirrorctl.cli.Main"));
    command.addAll(List.of(arguments));
    return Tool.of(command);
  }
}
