package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import io.mirrorctl.cli.daemon.HostName;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class CreateCommandTest {
  private static final long BYTES = 16 << 20;
  private static final Splitter WORDS = Splitter.on(' ');

  @TempDir Path directory;
  private Path first;
  private Path second;

  @BeforeEach
  void makeDisks() throws IOException {
    first = Images.sparse(directory.resolve("a"), BYTES);
    second = Images.sparse(directory.resolve("b"), BYTES);
  }

  @Test
  void anArrayOfTwoDisksHasAnInternalBitmapAndTheHostsName() throws IOException {
    var run = Cli.run("create", "vol0", first, second);

    assertThat(run.code()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).startsWith("created array vol0\n").contains(first.toString());
    JsonNode member = Cli.run("examine", "--json", second).json();
    assertThat(member.get("set_name").asString())
        .isEqualTo(ArrayNames.inSuperblock(HostName.ours(), "vol0"));
    assertThat(member.get("feature_map").asInt()).isEqualTo(1);
    assertThat(member.get("role").asString()).isEqualTo("Active device 1");
    assertThat(member.get("state").asString()).isEqualTo("active");
    JsonNode slot = Cli.run("examine-bitmap", "--json", second).json().get("slots").get(0);
    assertThat(slot.get("dirtyChunks")).isEqualTo(slot.get("chunks"));
    try (var mirror = LocalMirror.assemble(first, second)) {
      assertThat(mirror.sizeBytes()).isEqualTo(BYTES - (1 << 20));
    }
  }

  @Test
  void aClusterMakesTheBitmapClusteredAndPrefixesTheName() {
    var run = Cli.run("create", "vol0", first, second, "--cluster", "lab", "--nodes=3", "--json");

    assertThat(run.code()).isZero();
    JsonNode json = run.json();
    assertThat(json.get("created").asBoolean()).isTrue();
    assertThat(json.get("setName").asString()).isEqualTo("lab:vol0");
    assertThat(json.get("bitmap").get("kind").asString()).isEqualTo("clustered");
    assertThat(json.get("bitmap").get("slots").asInt()).isEqualTo(3);
    JsonNode member = Cli.run("examine", "--json", first).json();
    assertThat(member.get("set_uuid")).isEqualTo(json.get("uuid"));
    assertThat(member.get("cluster_name").asString()).isEqualTo("lab");
    assertThat(member.get("feature_map").asInt()).isEqualTo(0x101);
    assertThat(member.get("bblog_size").asInt()).isZero();
  }

  @Test
  void everyOptionArrivesOnDisk() throws IOException {
    Path spare = Images.sparse(directory.resolve("c"), BYTES);

    var run =
        Cli.run(
            "create",
            "vol0",
            first,
            second,
            "--bitmap-chunk",
            "64K",
            "--size",
            "8M",
            "--spare",
            spare,
            "--write-mostly",
            second,
            "--assume-clean");

    assertThat(run.code()).isZero();
    JsonNode slow = Cli.run("examine", "--json", second).json();
    assertThat(slow.get("devflags").asInt()).isEqualTo(1);
    assertThat(slow.get("size").asLong()).isEqualTo((8 << 20) / 512);
    assertThat(slow.get("state").asString()).isEqualTo("clean");
    assertThat(slow.get("resync_offset").asString()).isEqualTo("max");
    assertThat(Cli.run("examine", "--json", first).json().get("devflags").asInt()).isZero();
    assertThat(Cli.run("examine", "--json", spare).json().get("role").asString())
        .isEqualTo("spare");
    JsonNode slot = Cli.run("examine-bitmap", "--json", first).json().get("slots").get(0);
    assertThat(slot.get("chunkBytes").asInt()).isEqualTo(65536);
    assertThat(slot.get("dirtyChunks").asInt()).isZero();
  }

  @Test
  void allMembersTellTheSameTimeOfCreation() {
    Cli.run("create", "vol0", first, second);

    JsonNode members = Cli.run("examine", "--json", first, second).json();
    assertThat(members.get(0).get("ctime")).isEqualTo(members.get(1).get("ctime"));
    assertThat(members.get(0).get("device_uuid")).isNotEqualTo(members.get(1).get("device_uuid"));
  }

  @Test
  void oneMemberIsEnoughAndSaysWhatItIsWorth() {
    var run = Cli.run("create", "vol0", first);

    assertThat(run.code()).isZero();
    assertThat(run.err()).startsWith("mirrorctl: note: an array of one member");
  }

  @Test
  void aDryRunPrintsThePlanAndWritesNothing() throws IOException {
    var run = Cli.run("create", "vol0", first, second, "--dry-run");

    assertThat(run.code()).isZero();
    assertThat(run.out()).startsWith("would create array vol0\n");
    assertThat(Files.mismatch(first, Images.sparse(directory.resolve("zero"), BYTES)))
        .isEqualTo(-1);
  }

  @Test
  void aMemberOfAnotherArrayIsRefusedToProtectIt() throws IOException {
    Cli.run("create", "old", first);
    byte[] before = Images.read(first, 0, 65536);

    var run = Cli.run("create", "vol0", second, first);

    assertThat(run.code()).isEqualTo(4);
    assertThat(run.err())
        .startsWith("mirrorctl: " + first + " holds a member of md array ")
        .endsWith("; --force overwrites it\n")
        .hasLineCount(1);
    assertThat(Images.read(first, 0, 65536)).isEqualTo(before);
    assertThat(Images.read(second, 0, 65536)).isEqualTo(new byte[65536]);
  }

  @Test
  void aFileSystemIsRefusedUnlessForced() throws IOException {
    Images.write(first, 1080, HexFormat.of().parseHex("53ef"));

    var refused = Cli.run("create", "vol0", first, second);
    assertThat(refused.code()).isEqualTo(4);
    assertThat(refused.err()).contains("an ext2, ext3 or ext4 file system");

    assertThat(Cli.run("create", "vol0", first, second, "--force").code()).isZero();
    assertThat(Cli.run("examine", first, second).code()).isZero();
  }

  @Test
  void forceLeavesNoSuperblockOfAnotherVersionBehind() throws IOException {
    long place = ((BYTES / 512 - 16) & ~7L) * 512;
    Images.write(first, place, HexFormat.of().parseHex("fc4e2ba901000000"));

    assertThat(Cli.run("create", "vol0", first, second).code()).isEqualTo(4);
    assertThat(Cli.run("create", "vol0", first, second, "--force").code()).isZero();

    assertThat(Images.read(first, place, 4096)).isEqualTo(new byte[4096]);
    assertThat(Cli.run("examine", first).code()).isZero();
  }

  @Test
  void aDiskInUseIsNamedWithItsUser() throws IOException {
    try (var _ = FileDevice.open(second, new DeviceAccess.Exclusive())) {
      var run = Cli.run("create", "vol0", first, second);

      assertThat(run.code()).isEqualTo(4);
      assertThat(run.err()).contains(second + " is in use by this process itself; stop that first");
    }
    assertThat(Images.read(first, 0, 65536)).isEqualTo(new byte[65536]);
  }

  @Test
  void aDiskThatIsTooSmallIsNamed() throws IOException {
    Path small = Images.sparse(directory.resolve("small"), 64 << 10);

    var run = Cli.run("create", "vol0", first, small);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains(small.toString(), "too small");
    assertThat(Images.read(first, 0, 65536)).isEqualTo(new byte[65536]);
  }

  @Test
  void aMissingDiskIsNamedAndNothingIsWritten() throws IOException {
    var run = Cli.run("create", "vol0", first, directory.resolve("nothing"));

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .contains(directory + "/nothing: No such file or directory; check the name");
    assertThat(Images.read(first, 0, 65536)).isEqualTo(new byte[65536]);
  }

  @Test
  void moreThanEightMembersAreAWrongCommandLine() throws IOException {
    var words = new ArrayList<Object>(List.of("create", "vol0"));
    for (int i = 0; i < 9; i++) {
      words.add(Images.sparse(directory.resolve("member" + i), BYTES));
    }

    var run = Cli.run(words.toArray());

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("9 members", "1 to 8");
  }

  @Test
  void theSameDiskTwiceIsNoMirror() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link"), first);

    var run = Cli.run("create", "vol0", first, link);

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("are the same disk");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "a:b", "a/b", "-x", ".x", "a b", "ü", "x123456789012345678901234567890x"})
  void badNamesAreAWrongCommandLine(String name) {
    var run = Cli.run("create", "--", name, first, second);

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("a name has ");
  }

  @ParameterizedTest
  @CsvSource({
    "--bitmap=clustered, name it by --cluster",
    "--nodes=3, name it by --cluster",
    "--bitmap=internal --cluster=lab, need a clustered bitmap",
    "--cluster=a/b, a name has letters",
    "--size=1000, a multiple of 1K",
    "--size=0, a multiple of 1K",
    "--size=x, is no size",
    "--bitmap-chunk=0, a power of two",
    "--bitmap-chunk=100000, a power of two",
    "--bitmap-chunk=2K, a power of two from 4K",
    "--bitmap-chunk=4G, to 2G",
    "--bitmap-chunk=max, a power of two",
    "--cluster=lab --nodes=1, 2 to 256",
    "--cluster=lab --nodes=257, 2 to 256",
    "--bitmap-chunk=64K --bitmap=none, do not go together",
    "--bitmap=maybe, expected one of",
    "--write-mostly=/dev/null, name one of the members",
  })
  void contradictionsAreAWrongCommandLine(String options, String why) throws IOException {
    var arguments = new ArrayList<Object>(List.of("create", "vol0", first, second));
    arguments.addAll(WORDS.splitToList(options));

    var run = Cli.run(arguments.toArray());

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(why).endsWith("; see mirrorctl create --help\n");
    assertThat(Images.read(first, 0, 65536)).isEqualTo(new byte[65536]);
  }

  @ParameterizedTest
  @CsvSource({"--size=1T, too small", "--cluster=lab --write-mostly=b, write-mostly"})
  void whatCannotBeDoneFails(String options, String why) {
    var arguments = new ArrayList<Object>(List.of("create", "vol0", first, second));
    for (String option : WORDS.split(options)) {
      arguments.add(option.replace("=b", "=" + second));
    }

    var run = Cli.run(arguments.toArray());

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains(why);
  }
}
