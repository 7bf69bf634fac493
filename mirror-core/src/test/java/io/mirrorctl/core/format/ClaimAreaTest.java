package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SectorRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ClaimAreaTest {
  private static final BitmapArea BITMAP =
      new BitmapArea(16, new BitmapGeometry(Samples.SIZE, 65536), 4);

  @Test
  void theBlocksEndWhereTheDataBegins() {
    ClaimArea area = ClaimArea.of(Samples.clustered(), BITMAP).orElseThrow();
    assertThat(area.range()).isEqualTo(new SectorRange(2048 - 32, 2048));
    assertThat(area.offsetBytes(0)).isEqualTo((2048 - 32) * 512);
    assertThat(area.offsetBytes(3)).isEqualTo((2048 - 8) * 512);
  }

  @Test
  void dataThatBeginInsideABlockLeaveThatBlockAlone() {
    Superblock odd = Samples.clustered().toBuilder().dataOffset(2047).build();
    assertThat(ClaimArea.of(odd, BITMAP).orElseThrow().range().end()).isEqualTo(2040);
  }

  @ParameterizedTest
  @CsvSource({"80, true", "79, false", "48, false", "16, false"})
  void thereIsRoomOnlyBehindTheBitmap(long dataOffset, boolean room) {
    Superblock tight = Samples.clustered().toBuilder().dataOffset(dataOffset).build();
    assertThat(ClaimArea.of(tight, BITMAP).isPresent()).isEqualTo(room);
  }

  @Test
  void aBadBlockLogRightBeforeTheDataIsLeftAlone() {
    Superblock log = Samples.clustered().toBuilder().bblogOffset(2048 - 8 - 8).bblogSize(8).build();
    assertThat(ClaimArea.of(log, BITMAP)).isEmpty();
    Superblock behindBitmap = Samples.clustered().toBuilder().bblogOffset(16).bblogSize(8).build();
    assertThat(ClaimArea.of(behindBitmap, BITMAP)).isPresent();
    Superblock none = Samples.clustered().toBuilder().bblogOffset(2032).bblogSize(0).build();
    assertThat(ClaimArea.of(none, BITMAP)).isPresent();
  }

  static java.util.List<KernelFixture> fixtures() {
    return KernelFixture.all();
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void onClusteredMembersOfLinuxThePlaceIsThereAndHoldsNothing(KernelFixture fixture)
      throws Exception {
    for (int member = 0; member < fixture.members(); member++) {
      var image = new MemoryImage(fixture.image(member));
      MemberMetadata metadata = MemberMetadata.read(image);
      boolean clustered = metadata.bitmapKind() == BitmapKind.CLUSTERED;
      assertThat(metadata.claimArea().isPresent()).as("member %d", member).isEqualTo(clustered);
      if (clustered) {
        ClaimArea area = metadata.claimArea().orElseThrow();
        byte[] bytes = fixture.image(member);
        for (long at = area.range().startBytes(); at < area.range().end() * 512; at++) {
          assertThat(bytes[(int) at]).isZero();
        }
        assertThat(area.read(image)).containsOnly(new ClaimRead.Absent());
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"65536, 4, 65536", "65536, 256, 4096", "131072, 64, 0", "4400, 16, 4096"})
  void aNewMemberHasRoom(long sectors, int nodes, long chunk) {
    var outcome = MemberLayout.plan(sectors, 0, BitmapKind.CLUSTERED, nodes, chunk);
    MemberLayout layout = ((MemberLayout.Outcome.Fits) outcome).layout();
    SectorRange claims = layout.claimArea().orElseThrow().range();
    assertThat(claims.end()).isEqualTo(layout.dataOffset());
    assertThat(claims.start())
        .isGreaterThanOrEqualTo(layout.bitmapArea().orElseThrow().range().end());
  }
}
