package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.KernelFixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

class ExamineBitmapCommandTest {
  private static final int BITMAP = 8192;

  @TempDir Path directory;

  static List<KernelFixture> fixtures() {
    return KernelFixture.all();
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void everySlotOfTheKernelsBitmapsIsShown(KernelFixture fixture) throws IOException {
    for (int member = 0; member < fixture.members(); member++) {
      Path file = Files.write(directory.resolve("m" + member), fixture.image(member));
      var run = Cli.run("examine-bitmap", "--json", file);
      JsonNode facts = fixture.facts().get("members").get(member).get("superblock").get("bitmaps");

      assertThat(run.code()).isZero();
      JsonNode slots = run.json().get("slots");
      assertThat(slots.size()).isEqualTo(facts.size());
      for (int i = 0; i < slots.size(); i++) {
        JsonNode ours = slots.get(i);
        JsonNode fact = facts.get(i);
        assertThat(ours.get("slot")).isEqualTo(fact.get("slot"));
        assertThat(ours.get("events").asLong()).isEqualTo(fact.get("events").asLong());
        assertThat(ours.get("eventsCleared").asLong())
            .isEqualTo(fact.get("events_cleared").asLong());
        assertThat(ours.get("chunkBytes").asLong()).isEqualTo(fact.get("chunksize").asLong());
        assertThat(ours.get("chunks").asLong()).isEqualTo(fact.get("bits").asLong());
        assertThat(ours.get("dirtyChunks").asLong()).isEqualTo(fact.get("dirty").asLong());
        assertThat(ranges(ours.get("dirtyRanges"))).isEqualTo(texts(fact.get("dirty_ranges")));
      }
    }
  }

  private static List<String> ranges(JsonNode ranges) {
    var texts = new ArrayList<String>();
    ranges.forEach(range -> texts.add(range.get(0).asLong() + "-" + range.get(1).asLong()));
    return texts;
  }

  private static List<String> texts(JsonNode ranges) {
    var texts = new ArrayList<String>();
    ranges.forEach(range -> texts.add(range.asString()));
    return texts;
  }

  @Test
  void peopleReadWhatMdadmTellsThem() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F5-clustered-spare", 0);

    assertThat(Cli.run("examine-bitmap", file).out().lines().map(String::strip))
        .contains(
            "Magic : 6d746962",
            "Version : 5",
            "Chunksize : 64 KiB",
            "Daemon : 5s flush period",
            "Write Mode : Normal",
            "Sync Size : 31744 KiB (31 MiB)",
            "Cluster nodes : 4",
            "Cluster name : example",
            "Node Slot : 3",
            "Events : 19",
            "Events Cleared : 19",
            "State : OK",
            "Bitmap : 496 bits (chunks), 0 dirty (0.0%)");
  }

  @Test
  void aDamagedSlotDoesNotHideTheOthers() throws IOException {
    Path file = Images.ofKernel(directory.resolve("a"), "F5-clustered-spare", 0);
    Images.fill(file, BITMAP + 2 * 4096, 4, 0xFF);

    var run = Cli.run("examine-bitmap", "--json", file);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains(file + ": slot 2: bitmap header is corrupt: magic");
    assertThat(run.json().get("slots").get(2).get("problem").asString()).contains("magic");
    assertThat(run.json().get("slots").get(3).get("chunks").asLong()).isEqualTo(496);
  }

  @Test
  void aDiskWithoutABitmapSaysSo() throws IOException {
    Path first = Images.sparse(directory.resolve("a"), 8 << 20);
    Path second = Images.sparse(directory.resolve("b"), 8 << 20);
    Cli.run("create", "plain", first, second, "--bitmap", "none");

    var run = Cli.run("examine-bitmap", first);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).isEqualTo("mirrorctl: " + first + ": the array has no bitmap\n");
  }

  @Test
  void aDiskWithoutASuperblockSaysSo() throws IOException {
    var run = Cli.run("examine-bitmap", Images.sparse(directory.resolve("a"), 1 << 20));

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains("not a member of an array");
  }
}
