package io.mirrorctl.core.array;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.UnaryOperator;
import org.awaitility.Awaitility;

/** Arrays on simulated disks, and what tests ask of them. */
public final class ArrayRig {
  public static final long CHUNK = 64 << 10;
  public static final long DISK_BYTES = 8 << 20;
  public static final long SMALL_DISK_BYTES = (2 << 20) + (64 << 10);

  private ArrayRig() {}

  /** Disks whose data area has little more than one read unit, with room for chunks of 4 KiB. */
  public static List<SimDisk> smallDisks(int count) {
    List<SimDisk> disks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      disks.add(new SimDisk("disk" + i, SMALL_DISK_BYTES));
    }
    return disks;
  }

  public static List<SimDisk> disks(int count) {
    List<SimDisk> disks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      disks.add(new SimDisk("disk" + i, DISK_BYTES));
    }
    return disks;
  }

  /** Makes an array whose members are taken to be equal. */
  public static void createArray(BitmapKind kind, List<SimDisk> members, SimDisk... spares)
      throws IOException {
    createArray(kind, true, members, List.of(), spares);
  }

  public static void createArray(
      BitmapKind kind,
      boolean assumeClean,
      List<SimDisk> members,
      List<SimDisk> writeMostly,
      SimDisk... spares)
      throws IOException {
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:test",
                members,
                Arrays.asList(spares),
                writeMostly,
                kind,
                4,
                kind == BitmapKind.CLUSTERED ? "c" : "",
                kind == BitmapKind.NONE ? 0 : CHUNK,
                0,
                assumeClean,
                false),
            Env.system())
        .write();
  }

  public static LocalMirror assemble(ArrayOptions options, List<? extends BlockDevice> disks)
      throws IOException {
    return LocalMirror.assemble("test", disks, options, Env.system());
  }

  public static LocalMirror assemble(List<? extends BlockDevice> disks) throws IOException {
    return assemble(ArrayOptions.DEFAULT, disks);
  }

  public static List<SimDisk> reopen(List<SimDisk> disks) {
    return disks.stream().map(SimDisk::reopen).toList();
  }

  public static void write(LocalMirror mirror, long offset, int fill, int length)
      throws IOException {
    mirror.device().write(offset, filled(fill, length), WriteOption.NONE);
  }

  public static byte[] read(LocalMirror mirror, long offset, int length) throws IOException {
    byte[] data = new byte[length];
    mirror.read(offset, ByteBuffer.wrap(data));
    return data;
  }

  /** The disk from which this byte is read. */
  public static SimDisk readerOf(LocalMirror mirror, List<SimDisk> disks, long offset)
      throws IOException {
    disks.forEach(SimDisk::clearLog);
    read(mirror, offset, 512);
    return disks.stream()
        .filter(disk -> disk.count(SimOperation.Kind.READ) == 1)
        .findFirst()
        .orElseThrow();
  }

  public static ByteBuffer filled(int fill, int length) {
    return ByteBuffer.wrap(bytes(fill, length));
  }

  public static byte[] bytes(int fill, int length) {
    byte[] data = new byte[length];
    Arrays.fill(data, (byte) fill);
    return data;
  }

  public static void awaitInSync(LocalMirror mirror) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(5))
        .until(() -> mirror.sync().isIdle());
  }

  public static ArrayStatus.MemberStatus member(LocalMirror mirror, SimDisk disk) {
    return mirror.array().status().members().stream()
        .filter(m -> m.disk().equals(disk.name()))
        .findFirst()
        .orElseThrow();
  }

  public static MemberState state(LocalMirror mirror, SimDisk disk) {
    return member(mirror, disk).state();
  }

  public static Superblock superblock(SimDisk disk) throws IOException {
    return ((SuperblockRead.Valid) MemberMetadata.read(disk).superblock()).superblock();
  }

  /** Puts a changed superblock on the disk, as if it had been there all along. */
  public static void rewrite(SimDisk disk, UnaryOperator<Superblock.Builder> change)
      throws IOException {
    byte[] block = new byte[SuperblockCodec.BLOCK_BYTES];
    SuperblockCodec.encode(change.apply(superblock(disk).toBuilder()).build()).get(block);
    disk.corrupt(Superblock.SUPER_OFFSET * SectorRange.SECTOR_BYTES, block);
  }

  /** Puts these sectors of the disk, and no others, into its bad-block log. */
  public static void logBad(SimDisk disk, SectorRange bad) throws IOException {
    Superblock own = superblock(disk);
    byte[] log = new byte[own.bblogSize() * SectorRange.SECTOR_BYTES];
    BadBlockLog.of(List.of(bad)).encode(own.bblogShift(), own.bblogSize()).get(log);
    disk.corrupt((own.superOffset() + own.bblogOffset()) * SectorRange.SECTOR_BYTES, log);
    rewrite(disk, s -> s.with(Feature.BAD_BLOCKS));
  }

  /** Where the data area begins on the disk, in bytes. */
  public static long dataStart(SimDisk disk) throws IOException {
    return superblock(disk).dataOffset() * SectorRange.SECTOR_BYTES;
  }

  /** The disk's sectors that hold these bytes of the array. */
  public static SectorRange onDisk(SimDisk disk, long offset, long length) throws IOException {
    return SectorRange.coveringBytes(dataStart(disk) + offset, length);
  }

  /** The data area as it is on the disk. */
  public static byte[] data(SimDisk disk) throws IOException {
    Superblock superblock = superblock(disk);
    return disk.peek(
        superblock.dataOffset() * SectorRange.SECTOR_BYTES,
        (int) (superblock.size() * SectorRange.SECTOR_BYTES));
  }

  public static void assertEqualData(SimDisk one, SimDisk... others) throws IOException {
    byte[] expected = data(one);
    for (SimDisk other : others) {
      assertThat(Arrays.mismatch(expected, data(other)))
          .as("first byte in which %s and %s differ", one, other)
          .isEqualTo(-1);
    }
  }

  /** Collects events. */
  public static List<ArrayEvent> record(LocalMirror mirror) {
    List<ArrayEvent> events = Collections.synchronizedList(new ArrayList<>());
    mirror.array().listen(events::add);
    return events;
  }
}
