package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.KernelFixture;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

class ExamineCommandTest {
  private static final int EVENTS = 0xC8;
  private static final int FEATURE_MAP = 0x08;
  private static final List<String> LABELS =
      List.of(
          "Magic",
          "Version",
          "Feature Map",
          "Array UUID",
          "Name",
          "Cluster Name",
          "Raid Level",
          "Raid Devices",
          "Data Offset",
          "Super Offset",
          "Recovery Offset",
          "State",
          "Device UUID",
          "Internal Bitmap",
          "Bad Block Log",
          "Checksum",
          "Events",
          "Flags",
          "Device Role",
          "Array State");

  @TempDir Path directory;

  static List<KernelFixture> fixtures() {
    return KernelFixture.all();
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void aMemberOfTheKernelIsShownAsMdadmShowsIt(KernelFixture fixture) throws IOException {
    for (int member = 0; member < fixture.members(); member++) {
      Path file = Files.write(directory.resolve("m" + member), fixture.image(member));
      var run = Cli.run("examine", file);

      assertThat(run.code()).isZero();
      assertThat(run.err()).isEmpty();
      Map<String, String> ours = fields(run.out());
      Map<String, String> mdadms = fields(textOfMdadm(fixture, member));
      assertThat(mdadms).hasSizeGreaterThan(10);
      for (String label : LABELS) {
        assertThat(ours.get(label)).as(label).isEqualTo(mdadms.get(label));
      }
      assertThat(ours.get("Avail Dev Size")).startsWith(firstWord(mdadms, "Avail Dev Size"));
      assertThat(ours.get("Array Size")).startsWith(firstWord(mdadms, "Array Size"));
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void programsGetEveryFieldOfTheSuperblock(KernelFixture fixture) throws IOException {
    for (int member = 0; member < fixture.members(); member++) {
      Path file = Files.write(directory.resolve("m" + member), fixture.image(member));
      JsonNode ours = Cli.run("examine", "--json", file).json();
      JsonNode facts = fixture.facts().get("members").get(member).get("superblock");

      for (var fact : facts.properties()) {
        if (!fact.getKey().equals("bitmaps")) {
          assertThat(plain(ours.get(fact.getKey())))
              .as(fact.getKey())
              .startsWith(plain(fact.getValue()));
        }
      }
      assertThat(ours.get("path").asString()).isEqualTo(file.toString());
      assertThat(ours.get("problem").isNull()).isTrue();
    }
  }

  @Test
  void severalDisksAreAnArray() throws IOException {
    Path first = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Path second = Images.ofKernel(directory.resolve("b"), "F2-clustered-chunk64k", 1);

    JsonNode array = Cli.run("--json", "examine", first, second).json();

    assertThat(array.isArray()).isTrue();
    assertThat(array.get(1).get("path").asString()).isEqualTo(second.toString());
    assertThat(Cli.run("examine", first, second).out()).contains(first + ":", second + ":");
  }

  @Test
  void shellsGetVariables() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);

    assertThat(Cli.run("examine", "--export", file).out())
        .contains("MD_LEVEL=1\n", "MD_RAID_DISKS=2\n", "MD_SET_UUID=");
  }

  @Test
  void aWrongChecksumIsShownBesideTheRightOne() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Images.damageSuperblock(file, EVENTS, 777);

    var run = Cli.run("examine", file);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).contains("Events : 777", " - expected ");
    assertThat(run.err())
        .startsWith("mirrorctl: " + file + ": superblock is corrupt: sb_csum is ")
        .endsWith("; what is shown cannot be relied on\n")
        .hasLineCount(1);
    assertThat(Cli.run("examine", "--json", file).json().get("problem").asString())
        .contains("sb_csum");
  }

  @Test
  void aDamagedTableOfRolesIsShownAsFarAsItCan() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Images.damageSuperblock(file, 0xDC, 123456);

    var run = Cli.run("examine", file);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).contains("Array UUID : ");
    assertThat(run.err()).contains("max_dev is 123456, expected 0..1920");
  }

  @Test
  void anUnknownFeatureIsExaminedAndRefused() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Images.changeSuperblock(file, FEATURE_MAP, 0x10101);

    var run = Cli.run("examine", file);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).contains("Feature Map : 0x10101", " - correct");
    assertThat(run.err()).contains("cannot be assembled: ");
  }

  @Test
  void theChecksumIsThatOfAllBytesAlsoOfUnknownOnes() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Images.changeSuperblock(file, 0x0C, 7); // pad0, which no known version uses

    var run = Cli.run("examine", file);

    assertThat(run.out())
        .contains("Checksum : %x - correct".formatted(Images.superblockInt(file, 0xD8)));
    assertThat(run.err()).contains("pad0 is not zero");
  }

  @Test
  void aTruncatedMemberIsExaminedAndRefused() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);
    Images.sparse(file, 8 << 20);

    var run = Cli.run("examine", file);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).contains("Array UUID : ");
    assertThat(run.err()).contains(file + ": cannot be assembled: ");
  }

  @Test
  void aDiskWithoutASuperblockFailsAndDoesNotHideTheOthers() throws IOException {
    Path empty = Images.sparse(directory.resolve("empty"), 1 << 20);
    Path good = Images.ofKernel(directory.resolve("a"), "F2-clustered-chunk64k", 0);

    var run = Cli.run("examine", empty, directory.resolve("missing"), good);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).contains(good + ":", "Array UUID");
    assertThat(run.err().lines())
        .satisfiesExactly(
            line -> assertThat(line).contains(empty + ": not a member of an array: no md superb"),
            line -> assertThat(line).contains("missing", "No such file or directory"));
  }

  @Test
  void aDirectoryIsNoDisk() {
    var run = Cli.run("examine", directory);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).startsWith("mirrorctl: ").contains(directory.toString());
  }

  @Test
  void noDiskIsAWrongCommandLine() {
    var run = Cli.run("examine");

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("Missing required parameter: 'DISK'");
  }

  private static String firstWord(Map<String, String> fields, String label) {
    String text = fields.get(label);
    return text.substring(0, text.indexOf(' ') + 1);
  }

  /** Numbers without prefix or quotes, so that 0x101 and 257 are the same. */
  private static String plain(JsonNode node) {
    if (node.isArray()) {
      var text = new StringBuilder();
      node.forEach(element -> text.append(plain(element)).append(' '));
      return text.toString();
    }
    String text = node.asString().replace(":", "");
    if (text.startsWith("0x")) {
      long number = Long.parseLong(text.substring(2), 16);
      return number > 0xFFFF ? text.substring(2) : Long.toString(number);
    }
    return text.equals("MaxSector") ? "max" : text;
  }

  private static String textOfMdadm(KernelFixture fixture, int member) throws IOException {
    String resource = "/kernel/fixtures/%s/m%d.E.txt".formatted(fixture.name(), member);
    try (var in = KernelFixture.class.getResourceAsStream(resource)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static Map<String, String> fields(String text) {
    var fields = new TreeMap<String, String>();
    text.lines()
        .filter(line -> line.contains(" : "))
        .forEach(line -> {
          int colon = line.indexOf(" : ");
          fields.put(line.substring(0, colon).strip(), line.substring(colon + 3).strip());
        });
    return fields;
  }
}
