package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.message.ResyncWindows;
import java.util.List;
import org.junit.jupiter.api.Test;

class PeerWindowsTest {
  private static final Window FIRST = new Window(List.of(range(0, 8), range(16, 24)));
  private static final Window SECOND = new Window(List.of(range(32, 40), range(48, 56)));
  private static final Window THIRD = new Window(List.of(range(64, 72), range(80, 88)));

  private final PeerWindows peers = new PeerWindows();

  private static SectorRange range(long start, long end) {
    return new SectorRange(start, end);
  }

  private List<SectorRange> told(int slot, Window... windows) {
    return peers.told(slot, ResyncWindows.of(List.of(windows)));
  }

  @Test
  void whoHeardOfAWindowKeepsItsMaskWhenTheNextOneIsAnnounced() {
    assertThat(told(1, FIRST)).containsExactlyElementsOf(FIRST.parts());
    assertThat(told(1, FIRST, SECOND))
        .containsExactlyInAnyOrder(range(0, 8), range(16, 24), range(32, 40), range(48, 56));
    assertThat(told(1, SECOND, THIRD))
        .containsExactlyInAnyOrder(range(32, 40), range(48, 56), range(64, 72), range(80, 88));
    assertThat(told(1, THIRD)).containsExactlyElementsOf(THIRD.parts());
  }

  @Test
  void toWhoDidNotHearOfAWindowAllOfItCounts() {
    assertThat(told(1, FIRST, SECOND))
        .containsExactlyInAnyOrder(range(0, 24), range(32, 40), range(48, 56));
  }

  @Test
  void aMaskIsOfOneNodeAndOfNoWindowThatIsOver() {
    var _ = told(1, FIRST);
    assertThat(told(2, FIRST, SECOND)).contains(range(0, 24));
    peers.forget(1);
    assertThat(told(1, FIRST, SECOND)).contains(range(0, 24));
    var _ = told(1, THIRD);
    assertThat(told(1, FIRST, SECOND)).contains(range(0, 24));
  }

  @Test
  void theSameRangeAnnouncedAgainHasTheNewMask() {
    var _ = told(1, FIRST);
    var other = new Window(List.of(range(0, 4), range(8, 24)));
    assertThat(told(1, other)).containsExactlyElementsOf(other.parts());
  }
}
