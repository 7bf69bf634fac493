package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ClaimWatch.Sight.LIVING;
import static io.mirrorctl.core.array.ClaimWatch.Sight.NOTHING;
import static io.mirrorctl.core.array.ClaimWatch.Sight.SILENT;
import static io.mirrorctl.core.array.ClaimWatch.Sight.UNKNOWN;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimBlock.State;
import io.mirrorctl.core.format.ClaimOwner;
import io.mirrorctl.core.format.ClaimRead;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ClaimWatchTest {
  private static final UUID ARRAY = new UUID(1, 1);
  private static final UUID MEMBER = new UUID(2, 1);
  private static final ClaimOwner OWN = ClaimOwner.ofCluster(new UUID(3, 1), "c", "n1", 1);
  private static final ClaimOwner OTHER = ClaimOwner.ofCluster(new UUID(3, 2), "c", "n1", 1);

  private long now = 5;
  private final ClaimWatch watch = new ClaimWatch(ARRAY, OWN, () -> now);

  private static ClaimRead held(UUID array, ClaimOwner owner, long counter) {
    return new ClaimRead.Valid(new ClaimBlock(array, 0, owner, State.HELD, 1, 2000, counter, 0));
  }

  private ClaimWatch.Sight look(ClaimRead read) {
    return watch.look(MEMBER, List.of(read)).getFirst();
  }

  @Test
  void aBlockThatChangesIsThatOfALivingNode() {
    assertThat(look(held(ARRAY, OTHER, 1))).isEqualTo(UNKNOWN);
    now += 1500;
    assertThat(look(held(ARRAY, OTHER, 1))).isEqualTo(UNKNOWN);
    now += 1000;
    assertThat(look(held(ARRAY, OTHER, 2))).isEqualTo(LIVING);
  }

  @Test
  void oneThatDoesNotForThreeOfItsIntervalsIsSilent() {
    assertThat(look(held(ARRAY, OTHER, 1))).isEqualTo(UNKNOWN);
    now += 7000;
    assertThat(look(held(ARRAY, OTHER, 1))).isEqualTo(UNKNOWN);
    now += 1;
    assertThat(look(held(ARRAY, OTHER, 1))).isEqualTo(SILENT);
    assertThat(look(held(ARRAY, OTHER, 2))).as("it was only paused").isEqualTo(LIVING);
  }

  @Test
  void theOwnEnsemblesClaimsAreFine() {
    ClaimOwner neighbour = ClaimOwner.ofCluster(OWN.ensemble(), "c", "n2", 7);
    assertThat(look(held(ARRAY, neighbour, 1))).isEqualTo(NOTHING);
    assertThat(look(held(ARRAY, neighbour, 2))).isEqualTo(NOTHING);
    assertThat(watch.isHeldByOwn(held(ARRAY, neighbour, 1))).isTrue();
    assertThat(watch.isHeldByOwn(held(ARRAY, OTHER, 1))).isFalse();
  }

  @Test
  void releasedClaimsAndThoseOfAnEarlierArrayOnTheDiskMeanNothing() {
    var released =
        new ClaimRead.Valid(new ClaimBlock(ARRAY, 0, OTHER, State.RELEASED, 1, 2000, 1, 0));
    assertThat(look(released)).isEqualTo(NOTHING);
    assertThat(watch.isForeign(released)).as("but they show who was here last").isTrue();
    assertThat(look(held(new UUID(9, 9), OTHER, 1))).isEqualTo(NOTHING);
    assertThat(look(new ClaimRead.Corrupt("a", "b", "c"))).isEqualTo(NOTHING);
    assertThat(look(new ClaimRead.Absent())).isEqualTo(NOTHING);
  }

  @Test
  void whatALaterReleaseWroteIsSomebodyElses() {
    assertThat(look(new ClaimRead.Unsupported(2, 77))).isEqualTo(UNKNOWN);
    assertThat(look(new ClaimRead.Unsupported(2, 78))).isEqualTo(LIVING);
    now += 31_001;
    assertThat(look(new ClaimRead.Unsupported(2, 78))).isEqualTo(SILENT);
  }

  @Test
  void slotsAndMembersAreToldApart() {
    List<ClaimRead> both = List.of(held(ARRAY, OTHER, 1), held(ARRAY, OTHER, 2));
    assertThat(watch.look(MEMBER, both)).containsExactly(UNKNOWN, UNKNOWN);
    assertThat(watch.look(new UUID(2, 2), both)).containsExactly(UNKNOWN, UNKNOWN);
    assertThat(watch.look(MEMBER, both)).containsExactly(UNKNOWN, UNKNOWN);
  }
}
