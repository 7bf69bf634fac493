package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.KernelFixture;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** Arrays of the Linux kernel under a real node, and arrays of ours under the real kernel. */
class KernelFixturesIT {
  @TempDir Path directory;

  static Stream<KernelFixture> fixtures() {
    return KernelFixture.all().stream();
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void anArrayOfTheKernelIsReadResyncedAndComparedByANode(KernelFixture fixture)
      throws IOException, InterruptedException {
    List<Path> files = unpack(fixture);
    JsonNode facts = fixture.facts();
    int sectors = facts.at("/kernel_check/sectors").asInt();
    Tool.of(commandLine("examine", files)).run();

    byte[] before;
    try (var array = ServedArray.start(directory, files, "--force", "--readonly")) {
      before = contents(array);
      assertThat(array.node().terminate()).isZero();
    }
    for (int member = 0; member < files.size(); member++) {
      assertThat(sha256(Files.readAllBytes(files.get(member))))
          .as("member %d after a read-only assembly", member)
          .isEqualTo(facts.at("/members/" + member + "/sha256_image").asString());
    }

    try (var array = ServedArray.start(directory, files, "--force")) {
      array.awaitIdle();
      assertThat(sha256(contents(array)))
          .as("what the resync has changed for readers")
          .isEqualTo(sha256(before));
      assertThat(array.check().mismatchBytes()).isZero();
      assertThat(array.node().terminate()).isZero();
    }
    Tool.of(commandLine("compare", files.subList(0, 2))).run();
    assertThat(sha256(data(files.get(0), sectors))).isEqualTo(sha256(before));
    assertThat(sha256(data(files.get(1), sectors))).isEqualTo(sha256(before));
    assertThat(sha256(before)).isEqualTo(facts.at("/kernel_check/sha256").asString());
  }

  /** What a node of ours wrote, left behind when it was killed, and resynced or did not. */
  @ParameterizedTest
  @CsvSource({"INTERNAL, true"})
  void theKernelTakesWhatOurNodeHasWritten(BitmapKind kind, boolean resynced)
      throws IOException, InterruptedException {
    killedNode(kind, resynced);
  }

  @Tag("nightly")
  @ParameterizedTest
  @CsvSource({
    "INTERNAL, false",
    "CLUSTERED, true",
    "CLUSTERED, false",
    "NONE, true",
    "NONE, false"
  })
  void theKernelTakesWhatOurNodeHasWrittenInEveryShape(BitmapKind kind, boolean resynced)
      throws IOException, InterruptedException {
    killedNode(kind, resynced);
  }

  private void killedNode(BitmapKind kind, boolean resynced)
      throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, 32 << 20, 2, kind, 65536);
    String[] options = kind == BitmapKind.CLUSTERED ? new String[] {"--force"} : new String[0];
    String content = null;
    try (var array = ServedArray.start(directory, files, options)) {
      WriteLedger ledger;
      try (RawNbd client = array.connect()) {
        ledger = new WriteLedger(client.size());
      }
      try (var writers = CrashWriters.start(array, ledger, new SplittableRandom(31))) {
        Thread.sleep(500);
        array.node().kill();
        writers.join();
      }
      if (resynced) {
        array.node().restart();
        array.awaitIdle();
        content = sha256(contents(array));
        assertThat(array.node().terminate()).isZero();
      }
    }
    var check = KernelCheck.of(files.toArray(Path[]::new));
    var values = (content == null ? check : check.expectSha256(content)).run();

    assertThat(values)
        .containsEntry("clustered", kind == BitmapKind.CLUSTERED ? "yes" : "no")
        .containsEntry("degraded", "0")
        .containsEntry("mismatch_cnt", "0");
  }

  private List<Path> unpack(KernelFixture fixture) throws IOException {
    var files = new ArrayList<Path>();
    for (int member = 0; member < fixture.members(); member++) {
      files.add(Files.write(directory.resolve("m" + member), fixture.image(member)));
    }
    return files;
  }

  private static List<Object> commandLine(String command, List<Path> files) {
    var line = new ArrayList<Object>(NodeProcess.java("io.mirrorctl.cli.Main"));
    line.add(command);
    line.addAll(files);
    return line;
  }

  private static byte[] data(Path member, int sectors) throws IOException {
    int start = (int) MemberFiles.superblock(member).dataOffset() * WriteLedger.SECTOR;
    return Arrays.copyOfRange(
        Files.readAllBytes(member), start, start + sectors * WriteLedger.SECTOR);
  }

  private static byte[] contents(ServedArray array) throws IOException {
    try (RawNbd client = array.connect()) {
      ByteBuffer all = ByteBuffer.allocate((int) client.size());
      while (all.hasRemaining()) {
        byte[] piece = new byte[Math.min(1 << 20, all.remaining())];
        assertThat(client.read(all.position(), piece)).isZero();
        all.put(piece);
      }
      return all.array();
    }
  }

  private static String sha256(byte[] bytes) {
    return Hashing.sha256().hashBytes(bytes).toString();
  }
}
