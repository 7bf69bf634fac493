package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.assertEqualData;
import static io.mirrorctl.core.array.ArrayRig.data;
import static io.mirrorctl.core.array.ArrayRig.reopen;
import static io.mirrorctl.core.array.ArrayRig.superblock;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.KernelFixture;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Arrays that a Linux kernel made and left. */
class KernelImagesTest {
  private static final ArrayOptions FORCE = ArrayOptions.DEFAULT.withForce(true);

  static Stream<KernelFixture> images() {
    return KernelFixture.all().stream();
  }

  private static List<SimDisk> disks(KernelFixture fixture) {
    List<SimDisk> disks = new ArrayList<>();
    for (int i = 0; i < fixture.members(); i++) {
      byte[] image = fixture.image(i);
      SimDisk disk = new SimDisk("m" + i, image.length);
      for (int at = 0; at < image.length; at += 65536) {
        byte[] piece = Arrays.copyOfRange(image, at, at + 65536);
        if (Arrays.mismatch(piece, new byte[piece.length]) >= 0) {
          disk.corrupt(at, piece);
        }
      }
      disks.add(disk);
    }
    return disks;
  }

  private static String sha256(byte[] data) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
  }

  private static byte[] wholeArray(LocalMirror mirror) throws IOException {
    ByteBuffer all = ByteBuffer.allocate((int) mirror.sizeBytes());
    while (all.position() < all.capacity()) {
      int at = all.position();
      mirror.read(at, all.limit(Math.min(all.capacity(), at + (1 << 20))));
    }
    return all.array();
  }

  /** The chunks whose bits are set in any slot of the first member. */
  private static Set<Long> dirtyChunks(SimDisk disk) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(disk);
    Set<Long> dirty = new HashSet<>();
    for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
      metadata
          .readSlot(disk, slot)
          .dirtyRanges()
          .forEach(r -> {
            for (long chunk = r.first(); chunk <= r.last(); chunk++) {
              dirty.add(chunk);
            }
          });
    }
    return dirty;
  }

  private static List<SimDisk> active(List<SimDisk> disks) throws IOException {
    List<SimDisk> active = new ArrayList<>();
    for (SimDisk disk : disks) {
      if (superblock(disk).isActive()) {
        active.add(disk);
      }
    }
    return active;
  }

  @ParameterizedTest
  @MethodSource("images")
  void isReadOnlyAsTheKernelReadsIt(KernelFixture fixture) throws Exception {
    List<SimDisk> disks = disks(fixture);
    List<SimDisk> members = active(disks);
    Set<Long> dirty = dirtyChunks(members.getFirst());
    try (LocalMirror mirror = ArrayRig.assemble(FORCE.withReadOnly(true), disks)) {
      assertThat(mirror.array().status().neededChunks()).isEqualTo(dirty.size());
      check(fixture, wholeArray(mirror));
    }
  }

  @ParameterizedTest
  @MethodSource("images")
  void onlyDirtyChunksAreCopiedAndTheMembersAreEqualAfterwards(KernelFixture fixture)
      throws Exception {
    List<SimDisk> disks = disks(fixture);
    List<SimDisk> members = active(disks);
    Set<Long> dirty = dirtyChunks(members.getFirst());
    long chunkBytes;
    try (LocalMirror mirror = ArrayRig.assemble(FORCE, disks)) {
      ArrayRig.awaitInSync(mirror);
      chunkBytes = chunkBytes(mirror);
      check(fixture, wholeArray(mirror));
    }
    List<SimDisk> after = active(reopen(disks));
    assertEqualData(after.get(0), after.subList(1, after.size()).toArray(SimDisk[]::new));
    for (SimDisk disk : after) {
      assertThat(superblock(disk).isClean()).isTrue();
      assertThat(dirtyChunks(disk)).isEmpty();
      checkOnlyDirtyChunksWereWritten(disk, dirty, chunkBytes);
    }
    try (LocalMirror mirror = ArrayRig.assemble(FORCE, reopenAll(disks, after))) {
      assertThat(mirror.sync().isIdle()).isTrue();
    }
  }

  private static List<SimDisk> reopenAll(List<SimDisk> disks, List<SimDisk> open) {
    List<SimDisk> all = new ArrayList<>(open);
    disks.stream()
        .filter(disk -> open.stream().noneMatch(o -> o.name().equals(disk.name())))
        .forEach(disk -> all.add(disk.reopen()));
    return all;
  }

  private static long chunkBytes(LocalMirror mirror) {
    assertThat(mirror.array().status().bitmapKind()).isNotEqualTo(BitmapKind.NONE);
    return mirror.array().status().bitmapChunkBytes();
  }

  /** Where members differ the first one counts, as it does for the kernel. */
  private static void check(KernelFixture fixture, byte[] array) throws Exception {
    assertThat(sha256(array))
        .isEqualTo(fixture.facts().get("kernel_check").get("sha256").asString());
  }

  private static void checkOnlyDirtyChunksWereWritten(
      SimDisk disk, Set<Long> dirty, long chunkBytes) throws IOException {
    long start = superblock(disk).dataOffset() * SectorRange.SECTOR_BYTES;
    for (SimOperation.Logged logged : disk.log()) {
      SimOperation operation = logged.operation();
      boolean isChange =
          operation.kind() == SimOperation.Kind.WRITE
              || operation.kind() == SimOperation.Kind.ZERO
              || operation.kind() == SimOperation.Kind.DISCARD;
      if (isChange && operation.offset() >= start) {
        assertThat(dirty).contains((operation.offset() - start) / chunkBytes);
      }
    }
  }
}
