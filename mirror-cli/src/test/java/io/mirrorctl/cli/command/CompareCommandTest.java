package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class CompareCommandTest {
  private static final int DATA = 1 << 20;
  private static final long BYTES = 24 << 20;

  @TempDir Path directory;
  private Path first;
  private Path second;
  private Path third;

  @BeforeEach
  void makeAnArray() throws IOException {
    first = Images.sparse(directory.resolve("a"), BYTES);
    second = Images.sparse(directory.resolve("b"), BYTES);
    third = Images.sparse(directory.resolve("c"), BYTES);
    Cli.run("create", "vol0", first, second, third, "--assume-clean", "--bitmap-chunk=64K");
  }

  @Test
  void equalMembersAreIdentical() throws IOException {
    for (Path member : new Path[] {first, second, third}) {
      Images.fill(member, DATA + 5_000_000, 3_000_000, 7);
    }

    var run = Cli.run("compare", first, second, third);

    assertThat(run.code()).isZero();
    assertThat(run.out()).isEqualTo("identical: 23 MiB on 3 members\n");
    assertThat(run.err().lines().toList().getLast()).startsWith("compare of 23 MiB: 100 %");
  }

  @Test
  void holesAreNotRead() {
    var run = Cli.run("compare", "--json", first, second, third);

    assertThat(run.json().get("skippedBytes").asLong()).isEqualTo(23 << 20);
  }

  @Test
  void aHoleAndWrittenZeroesAreTheSame() throws IOException {
    Images.fill(second, DATA + 4096, 1 << 20, 0);

    assertThat(Cli.run("compare", first, second, third).code()).isZero();
  }

  @Test
  void differingRangesNameTheDisksThatAgree() throws IOException {
    Images.fill(third, DATA + 1024, 1024, 1);
    Images.fill(first, DATA + (9 << 20) + 511, 1, 2);
    Images.fill(second, DATA + (9 << 20) + 511, 1, 3);
    Images.fill(first, DATA + (23 << 20) - 512, 512, 4);

    var run = Cli.run("compare", "--json", first, second, third);

    assertThat(run.code()).isEqualTo(1);
    JsonNode json = run.json();
    assertThat(json.get("identical").asBoolean()).isFalse();
    assertThat(json.get("differingBytes").asLong()).isEqualTo(2048);
    assertThat(json.get("rangeCount").asInt()).isEqualTo(3);
    assertThat(range(json, 0)).isEqualTo("2..3 [[a,b],[c]] none");
    assertThat(range(json, 1)).isEqualTo("18432..18432 [[a],[b],[c]] none");
    assertThat(range(json, 2)).isEqualTo("47103..47103 [[a],[b,c]] none");
    assertThat(json.get("ranges").get(0).get("offsetBytes").asLong()).isEqualTo(1024);
    assertThat(json.get("ranges").get(0).get("lengthBytes").asLong()).isEqualTo(1024);
  }

  private String range(JsonNode json, int index) {
    JsonNode range = json.get("ranges").get(index);
    return range.get("firstSector").asLong()
        + ".."
        + range.get("lastSector").asLong()
        + " "
        + range.get("agreeing").toString().replace(directory + "/", "").replace("\"", "")
        + " "
        + range.get("dirty").asString();
  }

  @Test
  void peopleReadWhereAndWho() throws IOException {
    Images.fill(third, DATA + 1024, 1024, 1);

    assertThat(Cli.run("compare", first, second, third).out())
        .isEqualTo(
            """
            sectors 2..3 (1 KiB at byte 1024): %s = %s / %s
            different: 1 KiB of 23 MiB, in 1 ranges; not all of them are covered by bitmap bits: \
            a scrub (check, repair) will find those
            """
                .formatted(first, second, third));
  }

  @Test
  void rangesThatTheBitmapAllowsToDifferAreMarked() throws IOException {
    Images.fill(second, 8192 + 256, 1, 0b0000_0010); // chunk 1 of 64 KiB
    Images.fill(third, DATA + 65536 - 512, 1024, 1);
    Images.fill(third, DATA + 100_000, 10, 1);

    JsonNode json = Cli.run("compare", "--json", first, second, third).json();

    assertThat(json.get("ranges").get(0).get("dirty").asString()).isEqualTo("some");
    assertThat(json.get("ranges").get(1).get("dirty").asString()).isEqualTo("all");
  }

  @Test
  void aRangeAcrossPiecesIsOneRange() throws IOException {
    Images.fill(second, DATA + (3 << 20), 6 << 20, 9);

    JsonNode json = Cli.run("compare", "--json", first, second).json();

    assertThat(json.get("rangeCount").asInt()).isEqualTo(1);
    assertThat(json.get("differingBytes").asLong()).isEqualTo(6 << 20);
  }

  @Test
  void manyRangesAreCountedAndNotAllListed() throws IOException {
    byte[] stripes = new byte[22 << 20];
    for (int i = 0; i < stripes.length; i += 1024) {
      stripes[i] = 1;
    }
    Images.write(second, DATA, stripes);

    JsonNode json = Cli.run("compare", "--json", first, second).json();

    assertThat(json.get("rangeCount").asInt()).isEqualTo(22 << 10);
    assertThat(json.get("ranges").size()).isEqualTo(Comparison.MOST_RANGES);
  }

  @Test
  void membersMayHaveTheirDataInDifferentPlaces() throws IOException {
    Images.changeSuperblock(second, 0x80, 4096); // data_offset
    Images.changeSuperblock(second, 0x88, (int) (BYTES / 512 - 4096)); // data_size
    for (Path member : new Path[] {first, second}) {
      Images.changeSuperblock(member, 0x50, 40960); // size
      Images.fill(member, 8192 + 40, 1, 0); // sync_size of the bitmap, 40960 = 0xA000
      Images.fill(member, 8192 + 41, 1, 0xA0);
    }
    Images.fill(first, DATA + 12345, 5000, 5);
    Images.fill(second, 2 * DATA + 12345, 5000, 5);

    var run = Cli.run("compare", first, second);

    assertThat(run.out()).isEqualTo("identical: 20 MiB on 2 members\n");
    assertThat(run.err()).contains("2 of the array's 3 members are compared");
  }

  @Test
  void membersOfDifferentArraysAreNotCompared() throws IOException {
    Path other = Images.sparse(directory.resolve("other"), BYTES);
    Cli.run("create", "vol1", other);

    var run = Cli.run("compare", first, other);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .contains(
            first + " is a member of array ",
            other + " of array ",
            "vol1",
            "name members of one array");
  }

  @Test
  void aDiskWithoutASuperblockIsNotCompared() throws IOException {
    Path empty = Images.sparse(directory.resolve("empty"), BYTES);

    var run = Cli.run("compare", first, empty);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains(empty + ": not a member of an array");
  }

  @Test
  void aTruncatedMemberIsNotCompared() throws IOException {
    Images.sparse(second, 8 << 20);

    var run = Cli.run("compare", first, second);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains(second + ": cannot be compared: ");
  }

  @Test
  void aSpareIsNotCompared() throws IOException {
    Path spare = Images.sparse(directory.resolve("spare"), BYTES);
    Cli.run("create", "vol1", first, "--spare", spare, "--force");

    assertThat(Cli.run("compare", first, spare).err()).contains(spare + ": a spare");
  }

  @Test
  void aMemberInUseIsNotCompared() throws IOException {
    try (var _ = FileDevice.open(second, new DeviceAccess.Exclusive())) {
      var run = Cli.run("compare", first, second);

      assertThat(run.code()).isEqualTo(1);
      assertThat(run.err()).contains(second + " is in use by this process itself");
    }
  }

  @Test
  void aBadBlockLogIsHonoured() throws IOException {
    Images.fill(third, DATA + 8 * 512, 512, 1);
    Images.fill(third, DATA + (9 << 20), 1, 1);
    Images.badBlocks(third, DATA / 512 + 4, 8);

    var run = Cli.run("compare", first, third);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out())
        .isEqualTo(
            """
            sectors 4..11 (4 KiB at byte 2048): not readable on %s (bad-block log)
            sectors 18432..18432 (512 bytes at byte 9437184): %s / %s
            not readable on every member: 4 KiB of 23 MiB; the array, once assembled, takes those \
            from members that have them
            different: 512 bytes of 23 MiB, in 1 ranges; not all of them are covered by bitmap \
            bits: a scrub (check, repair) will find those
            """
                .formatted(third, first, third));
    JsonNode json = Cli.run("compare", "--json", first, second, third).json();
    assertThat(range(json, 0)).isEqualTo("4..11 [[a,b]] none");
    assertThat(json.get("ranges").get(0).get("badBlocks").get(0).asString())
        .isEqualTo(third.toString());
    assertThat(json.get("ranges").get(0).get("notReadable").size()).isZero();
    assertThat(json.get("notReadableBytes").asLong()).isEqualTo(4096);
    assertThat(json.get("differingBytes").asLong()).isEqualTo(512);
    assertThat(json.get("identical").asBoolean()).isFalse();
  }

  @Test
  void aBadBlockAloneIsAFinding() throws IOException {
    Images.badBlocks(third, DATA / 512 + 4, 8);

    var run = Cli.run("compare", first, third);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).endsWith("no difference in what can be read\n");
  }

  @Test
  void aBadBlockLogThatIsDamagedIsTold() throws IOException {
    Images.badBlocks(third, 1L << 40, 8);

    var run = Cli.run("compare", first, third);

    assertThat(run.code()).isZero();
    assertThat(run.err())
        .contains(third + ": bad-block log is corrupt", "any of its data may be stale");
  }

  @Test
  void oneDiskIsAWrongCommandLine() {
    assertThat(Cli.run("compare", first).code()).isEqualTo(2);
  }
}
