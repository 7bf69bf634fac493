package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ArrayChoiceTest {
  private static final UUID ONE = new UUID(1, 1);
  private static final UUID TWO = new UUID(2, 2);
  private static final ArrayChoice.Looker ALONE = new ArrayChoice.Looker(Optional.empty(), "here");
  private static final ArrayChoice.Looker IN_LAB =
      new ArrayChoice.Looker(Optional.of("lab"), "here");

  private static DiskSearch.Found member(String disk, UUID set, String name) {
    return member(disk, set, name, BitmapKind.INTERNAL, "");
  }

  private static DiskSearch.Found member(
      String disk, UUID set, String name, BitmapKind kind, String cluster) {
    Superblock superblock = Superblock.builder().setUuid(set).setName(name).build();
    return new DiskSearch.Found(disk, superblock, kind, cluster);
  }

  private static List<ArrayChoice> found(
      ArrayChoice.Looker looker, Map<String, UUID> running, DiskSearch.Found... members) {
    return ArrayChoice.found(
        new DiskSearch.Look(members.length, ImmutableList.copyOf(members), ImmutableList.of()),
        running,
        looker);
  }

  private static NodeRequest.Assemble request(ArrayChoice choice) {
    assertThat(choice.verdict()).isInstanceOf(ArrayChoice.Verdict.Start.class);
    return ((ArrayChoice.Verdict.Start) choice.verdict()).request();
  }

  private static String foreign(ArrayChoice choice) {
    assertThat(choice.verdict()).isInstanceOf(ArrayChoice.Verdict.Foreign.class);
    return ((ArrayChoice.Verdict.Foreign) choice.verdict()).reason();
  }

  @Test
  void disksOfOneUuidAreOneArrayUnderTheNameInTheirSuperblocks() {
    List<ArrayChoice> choices =
        found(
            ALONE,
            Map.of(),
            member("/a", ONE, "here:vol"),
            member("/b", TWO, "plain"),
            member("/c", ONE, "here:vol"));

    assertThat(choices).hasSize(2);
    assertThat(request(choices.get(0)))
        .isEqualTo(
            new NodeRequest.Assemble("vol", List.of("/a", "/c"), false, false, false, false));
    assertThat(request(choices.get(1)).array()).isEqualTo("plain");
  }

  @Test
  void anArrayInUseIsKnownByItsUuidUnderWhateverName() {
    List<ArrayChoice> choices = found(ALONE, Map.of("mine", ONE), member("/a", ONE, "here:vol"));

    assertThat(choices)
        .containsExactly(
            new ArrayChoice("mine", Optional.of(ONE), new ArrayChoice.Verdict.Running()));
  }

  @Test
  void ofTwoArraysOfOneNameTheSecondNeedsAnother() {
    List<ArrayChoice> choices =
        found(ALONE, Map.of(), member("/a", ONE, "here:vol"), member("/b", TWO, "here:vol"));

    assertThat(request(choices.get(0)).disks()).containsExactly("/a");
    assertThat(choices.get(1).verdict()).isInstanceOf(ArrayChoice.Verdict.Missing.class);
    assertThat(found(ALONE, Map.of("vol", TWO), member("/a", ONE, "vol")).getFirst().verdict())
        .isInstanceOf(ArrayChoice.Verdict.Missing.class);
  }

  @Test
  void anArrayOfAnotherHostIsNotTaken() {
    assertThat(foreign(found(ALONE, Map.of(), member("/a", ONE, "there:vol")).getFirst()))
        .contains("made on host there");
  }

  @Test
  void aClusteredArrayIsForTheNodesOfItsCluster() {
    var shared = member("/a", ONE, "lab:vol", BitmapKind.CLUSTERED, "lab");
    var strange = member("/b", TWO, "other:vol", BitmapKind.CLUSTERED, "other");

    assertThat(foreign(found(ALONE, Map.of(), shared).getFirst())).contains("belongs to none");
    assertThat(request(found(IN_LAB, Map.of(), shared).getFirst()).array()).isEqualTo("vol");
    assertThat(foreign(found(IN_LAB, Map.of(), strange).getFirst()))
        .contains("nodes of cluster other", "belongs to cluster lab");
  }

  @Test
  void aNameThatCannotBeOneHereIsSaidToNeedAnother() {
    assertThat(found(ALONE, Map.of(), member("/a", ONE, "here:my disk")).getFirst().verdict())
        .isInstanceOf(ArrayChoice.Verdict.Missing.class);
  }

  @Test
  void aConfiguredArrayWithoutDisksSaysWhatWasNotRead() {
    var wanted = new WantedArray("vol", List.of(), Optional.of(ONE), true, false, false);
    var look =
        new DiskSearch.Look(
            3, ImmutableList.of(member("/b", TWO, "vol")), ImmutableList.of("nbd://h/x: away"));

    ArrayChoice choice = ArrayChoice.configured(List.of(wanted), look, Map.of()).getFirst();

    assertThat(choice.verdict())
        .isEqualTo(
            new ArrayChoice.Verdict.Missing(
                "none of the 3 disks that were looked at is a member of"
                    + " 00000000:00000001:00000000:00000001, and not all could be read: nbd://h/x:"
                    + " away"));
  }
}
