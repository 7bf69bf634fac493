package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.HashMultiset;
import com.google.common.collect.Multiset;
import io.mirrorctl.core.block.SectorRange;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.LongFunction;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Where members may differ after a power cut, or a member that may come back by bitmap lacks data,
 * the bit is set on every member in sync: invariant I2, in {@link ModelArray}. The other tests show
 * that the model notices when it is broken.
 */
class BitmapCrashTest {
  private static final int OPERATIONS = 1200;
  private static final int RUNS = 25;

  @Property(tries = 80)
  void noPowerCutLeavesMembersThatDifferWithoutABit(
      @ForAll long seed, @ForAll boolean assemblesByAll) {
    ModelArray array = new ModelArray(seed, assemblesByAll);
    array.run(OPERATIONS);
    array.comeToRest();
  }

  @Property(tries = 5000)
  @Tag("nightly")
  void noPowerCutDoesInManyMoreRuns(@ForAll long seed, @ForAll boolean assemblesByAll) {
    noPowerCutLeavesMembersThatDifferWithoutABit(seed, assemblesByAll);
  }

  @Test
  void theModelSeesEverythingThatMatters() {
    Multiset<String> happened = HashMultiset.create();
    for (long seed = 0; seed < RUNS; seed++) {
      ModelArray array = new ModelArray(seed);
      array.run(OPERATIONS);
      happened.addAll(array.happened);
    }
    for (String event :
        List.of(
            "power cut",
            "member failed",
            "chunk copied",
            "copy failed",
            "bits cleared",
            "bits cleared, a member is out",
            "recovery in full",
            "recovery by bitmap")) {
      assertThat(happened.count(event)).as(event).isGreaterThan(10);
    }
  }

  private static void assertNoticed(LongFunction<ModelArray> planted) {
    int noticed = 0;
    for (long seed = 0; seed < RUNS; seed++) {
      try {
        planted.apply(seed).run(OPERATIONS);
      } catch (ModelArray.BitMissing e) {
        noticed++;
      }
    }
    assertThat(noticed).as("runs of %s that noticed", RUNS).isGreaterThan(5);
  }

  @Test
  void aFlushLeftOutBeforeBitsAreClearedIsNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          @Override
          public void flushMembers() {}
        });
  }

  @Test
  void bitsClearedWhileAMemberIsMissingAreNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          private OptionalLong first = OptionalLong.empty();

          @Override
          public OptionalLong clearableAtEvents() {
            first = first.isPresent() ? first : super.clearableAtEvents();
            return first;
          }
        });
  }

  @Test
  void anOlderImageThatLandsLastIsNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          private final Map<Integer, byte[]> older = new HashMap<>();
          private int landings;

          @Override
          protected void land(ModelMember member, int offset, byte[] sector) {
            byte[] before = Arrays.copyOfRange(member.slot, offset, offset + sector.length);
            super.land(member, offset, sector);
            if (offset > 0 && ++landings % 50 == 0) {
              super.land(member, offset, older.getOrDefault(offset, sector));
            }
            older.put(offset, before);
          }
        });
  }

  @Test
  void bitsThatAreNotDurableWhenTheStorageReturnsAreNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          private Runnable late = () -> {};

          @Override
          protected void land(ModelMember member, int offset, byte[] sector) {
            Runnable now = late;
            late = () -> super.land(member, offset, sector);
            now.run();
          }
        });
  }

  @Test
  void aFailedWriteThatEndsAsAGoodOneIsNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          @Override
          protected void endWrite(SectorRange range, boolean onAllMembers) {
            super.endWrite(range, true);
          }
        });
  }

  @Test
  void eventsClearedThatStaysBehindTheClearedBitsIsNoticed() {
    assertNoticed(seed ->
        new ModelArray(seed) {
          @Override
          protected void land(ModelMember member, int offset, byte[] sector) {
            if (offset == 0 && member.slot[0] != 0) {
              System.arraycopy(member.slot, 32, sector, 32, Long.BYTES);
            }
            super.land(member, offset, sector);
          }
        });
  }
}
