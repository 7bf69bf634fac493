package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapHeaderCodec;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.KernelFixture;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What dead nodes left behind, ours and those of Linux, in the hands of a cluster of ours: all
 * dirty slots are adopted and copied, and then the kernel takes the members. Among them the three
 * cases in which Linux 6.1 itself loses data.
 */
class LeftBehindIT {
  private static final Duration SESSION = Duration.ofSeconds(5);
  private static final long DISK_BYTES = 32 << 20;
  private static final int CHUNK = 64 << 10;

  @TempDir Path directory;

  static Stream<KernelFixture> clusteredFixtures() {
    return KernelFixture.all().stream()
        .filter(fixture -> fixture.facts().at("/kernel_check/clustered").asString().equals("yes"));
  }

  @Test
  void anArrayThatLinuxLeftInMidWriteIsAdoptedByTwoNodes()
      throws IOException, InterruptedException {
    adopt(new KernelFixture("F3-clustered-powercut"));
  }

  @Tag("nightly")
  @ParameterizedTest
  @MethodSource("clusteredFixtures")
  void anArrayOfTheKernelThatTwoNodesAdoptedIsTakenByTheKernel(KernelFixture fixture)
      throws IOException, InterruptedException {
    Left left = adopt(fixture);

    assertKernelTakes(left.files, left.content);
  }

  /** The members, equal and with what both nodes had returned of them. */
  private Left adopt(KernelFixture fixture) throws IOException, InterruptedException {
    List<Path> files = new ArrayList<>();
    for (int member = 0; member < fixture.members(); member++) {
      files.add(Files.write(directory.resolve("m" + member), fixture.image(member)));
    }
    byte[] content;
    try (SharedNodes nodes = SharedNodes.start(directory, files, SESSION, 2)) {
      content = content(nodes, 0);
      assertEachSectorIsOfAMember(fixture, content);
      assertThat(content(nodes, 1)).as("through the second node").isEqualTo(content);
      nodes.awaitInSync(0);
      assertThat(content(nodes, 0)).as("after the resync").isEqualTo(content);
      endInSync(nodes);
    }
    assertEqualAndClean(files.subList(0, 2));
    return new Left(files, sha256(content));
  }

  /** Where the members differ, either of them may be right, and nothing else. */
  private static void assertEachSectorIsOfAMember(KernelFixture fixture, byte[] content) {
    byte[] first = fixture.image(0);
    byte[] second = fixture.image(1);
    int start = fixture.facts().at("/members/0/superblock/data_offset").asInt() * 512;
    for (int at = 0; at < content.length; at += 512) {
      ByteBuffer found = ByteBuffer.wrap(content, at, 512);
      assertThat(
              found.equals(ByteBuffer.wrap(first, start + at, 512))
                  || found.equals(ByteBuffer.wrap(second, start + at, 512)))
          .as("sector %d is that of a member", at / 512)
          .isTrue();
    }
  }

  @Test
  void bothSlotsAreDirtyAndOneNodeAssembles() throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, DISK_BYTES, 2, BitmapKind.CLUSTERED, CHUNK);
    leaveDirty(files, 0, 3, 17);
    leaveDirty(files, 1, 90, 91);
    assertThat(differingSectors(files)).isEqualTo(4 * 8);
    String content;
    try (SharedNodes nodes = SharedNodes.start(directory, files, SESSION, 1)) {
      content = sha256(content(nodes, 0));
      endInSync(nodes);
    }
    assertEqualAndClean(files);

    assertKernelTakes(files, content);
  }

  @Test
  void onlyChunkZeroIsDirtyInTheSlotOfADeadNode() throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, DISK_BYTES, 2, BitmapKind.CLUSTERED, CHUNK);
    try (SharedNodes nodes = SharedNodes.start(directory, files, SESSION, 2)) {
      byte[] block = new byte[4096];
      Arrays.fill(block, (byte) 1);
      try (RawNbd client = nodes.connect(1)) {
        assertThat(client.write(0, block, true)).isZero();
        nodes.node(1).kill();
      }
      MemberFiles.spoil(files.get(1), 4096); // as by a write that reached one member
      assertThat(differingSectors(files)).isEqualTo(8);

      Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> nodes.sharesWith(0, 1));
      endInSync(nodes);
    }
    assertEqualAndClean(files);
  }

  @Test
  void aMemberIsTakenBackWithBitsInSeveralSlots() throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, DISK_BYTES, 2, BitmapKind.CLUSTERED, CHUNK);
    String lost = files.get(1).toString();
    try (SharedNodes nodes = SharedNodes.start(directory, files, SESSION, 2)) {
      nodes.change(0, new NodeRequest.Fail(SharedNodes.ARRAY, lost));
      byte[] data = new byte[256 << 10];
      new SplittableRandom(3).nextBytes(data);
      for (int node = 0; node < 2; node++) {
        try (RawNbd client = nodes.connect(node)) {
          assertThat(client.write((4L + node) << 20, data, true)).isZero();
        }
      }
      assertThat(differingSectors(files)).isEqualTo(1024);

      nodes.change(0, new NodeRequest.ReAdd(SharedNodes.ARRAY, lost));
      endInSync(nodes);
    }
    assertEqualAndClean(files);
  }

  @Test
  void bothNodesAreKilledInMidWriteAndNothingIsLost() throws IOException, InterruptedException {
    killBoth();
  }

  @Tag("nightly")
  @Test
  void whatOurDeadNodesLeftIsTakenByTheKernelOnceItIsAdopted()
      throws IOException, InterruptedException {
    Left left = killBoth();

    assertKernelTakes(left.files, left.content);
  }

  private record Left(List<Path> files, String content) {}

  private Left killBoth() throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, DISK_BYTES, 2, BitmapKind.CLUSTERED, CHUNK);
    List<LedgerClient> writers = new ArrayList<>();
    try (SharedNodes nodes = SharedNodes.start(directory, files, SESSION, 2)) {
      for (int i = 0; i < 2; i++) {
        var ledger = new BlockLedger(i, 2, 512);
        writers.add(new LedgerClient(nodes, "ledger" + i, ledger, new SplittableRandom(i)));
      }
      for (LedgerClient writer : writers) {
        Awaitility.await().atMost(Duration.ofSeconds(60)).until(() -> writer.writes() > 300);
      }
      for (int node = 0; node < 2; node++) {
        try (RawNbd client = nodes.connect(node)) { // the writers may both be at one node
          assertThat(client.write((16L + node) << 20, new byte[4096], false)).isZero();
          nodes.node(node).kill();
        }
      }
      assertThat(dirtySlots(files)).as("slots with bits").isEqualTo(2);

      nodes.node(0).restart();
      nodes.node(1).restart();
      nodes.awaitAll();
      for (LedgerClient writer : writers) {
        writer.stop();
        writer.check(0);
        writer.check(1);
      }
      String content = sha256(content(nodes, 1));
      endInSync(nodes);
      assertEqualAndClean(files);
      return new Left(files, content);
    } finally {
      for (LedgerClient writer : writers) {
        writer.close();
      }
    }
  }

  /** Makes the second member differ in these chunks, and sets their bits in a slot, on both. */
  private static void leaveDirty(List<Path> files, int slot, int... chunks) throws IOException {
    for (Path file : files) {
      long start = bitsOf(file, slot);
      try (var out = new RandomAccessFile(file.toFile(), "rw")) {
        for (int chunk : chunks) {
          out.seek(start + chunk / 8);
          int bits = out.read();
          out.seek(start + chunk / 8);
          out.write(bits | 1 << (chunk % 8));
        }
      }
    }
    for (int chunk : chunks) {
      MemberFiles.spoil(files.get(1), (long) chunk * CHUNK + 8192);
    }
  }

  private static long bitsOf(Path file, int slot) throws IOException {
    var start = new ArrayList<Long>();
    ArrayOnDisks.onFiles(
        List.of(file),
        new DeviceAccess.ReadOnly(),
        devices -> {
          BitmapArea area = MemberMetadata.read(devices.getFirst()).bitmapArea().orElseThrow();
          start.add(area.slotOffsetBytes(slot) + BitmapHeaderCodec.BYTES);
        });
    return start.getFirst();
  }

  private static int differingSectors(List<Path> files) throws IOException {
    var count = new ArrayList<Integer>();
    ArrayOnDisks.onFiles(
        files,
        new DeviceAccess.ReadOnly(),
        devices -> count.add(MemberAudit.of(devices).differences().size()));
    return count.getFirst();
  }

  private static long dirtySlots(List<Path> files) throws IOException {
    var count = new ArrayList<Long>();
    ArrayOnDisks.onFiles(
        files,
        new DeviceAccess.ReadOnly(),
        devices -> count.add(MemberAudit.of(devices).dirtySlots(0)));
    return count.getFirst();
  }

  private static String sha256(byte[] content) {
    return Hashing.sha256().hashBytes(content).toString();
  }

  private static byte[] content(SharedNodes nodes, int node) throws IOException {
    try (RawNbd client = nodes.connect(node)) {
      ByteBuffer all = ByteBuffer.allocate((int) client.size());
      while (all.hasRemaining()) {
        byte[] piece = new byte[Math.min(1 << 20, all.remaining())];
        assertThat(client.read(all.position(), piece)).isZero();
        all.put(piece);
      }
      return all.array();
    }
  }

  /** Lets all be copied and all nodes leave. */
  private static void endInSync(SharedNodes nodes) throws IOException, InterruptedException {
    nodes.awaitInSync(0);
    for (int node = 0; node < nodes.count(); node++) {
      if (nodes.node(node).isAlive()) {
        assertThat(nodes.node(node).terminate()).as(nodes.node(node).log()).isZero();
      }
    }
  }

  private static void assertEqualAndClean(List<Path> files) throws IOException {
    mirrorctl("compare", files.get(0), files.get(1)).run();
    assertThat(differingSectors(files)).isZero();
    assertThat(dirtySlots(files)).as("slots with bits").isZero();
  }

  private static void assertKernelTakes(List<Path> files, String content) {
    Map<String, String> verdict =
        KernelCheck.of(files.toArray(Path[]::new)).expectSha256(content).run();
    assertThat(verdict)
        .containsEntry("clustered", "yes")
        .containsEntry("degraded", "0")
        .containsEntry("mismatch_cnt", "0");
  }
}
