package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.store.Store;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Many lives of a lockspace; {@code -Dmirrorctl.lock.seed=SEED} replays one and tells it.
 *
 * <p>What it notices was tried by planting bugs: those of {@link Saboteur}, which stay planted, and
 * each once by hand in the lock manager: grants told between prep and done, a death told without
 * prep, a lost answer taken for a commit that was not done, nothing read again after a
 * reconnection, a watch asked for too late, a change that is not taken for news, a purge that
 * serves nobody, a purge that only the one who began it goes on with, a newcomer taken for dead.
 *
 * <p>It does not notice a wrong order of service, a deadlock that queues, or a cancelled request
 * behind which nobody is served, as all requests here are cancelled in time: {@link
 * GrantQueueHistoriesTest} does. Nor two checks that others double: of the view in the batches of a
 * purge, and of the generation of a grant that is read early.
 */
class LockSimulationTest {
  private static final Optional<Long> ONE =
      Optional.ofNullable(Long.getLong("mirrorctl.lock.seed"));

  private static List<String> complaints(long seed, UnaryOperator<Store> between) {
    try {
      LockSimulation simulation = new LockSimulation(seed, between);
      List<String> complaints = simulation.run();
      if (ONE.isPresent()) {
        System.out.println(simulation.story());
      }
      return complaints;
    } catch (AssertionError e) {
      throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
    }
  }

  private static void all(long from, long to) {
    ONE.map(LongStream::of)
        .orElseGet(() -> LongStream.range(from, to))
        .forEach(seed ->
            assertThat(complaints(seed, UnaryOperator.identity())).as("seed %d", seed).isEmpty());
  }

  @Test
  void everyPromiseIsKeptInTenThousandLives() {
    all(Long.getLong("mirrorctl.lock.first", 0), Long.getLong("mirrorctl.lock.seeds", 10_000));
  }

  @ParameterizedTest
  @EnumSource
  void aBugThatIsPlantedIsFound(Saboteur.Bug bug) {
    long found =
        LongStream.range(0, 1000)
            .filter(seed -> isWrong(seed, store -> new Saboteur(store, bug)))
            .findFirst()
            .orElse(-1);
    assertThat(found).as("a seed that finds %s", bug).isNotNegative();
  }

  private static boolean isWrong(long seed, UnaryOperator<Store> between) {
    try {
      return !new LockSimulation(seed, between).run().isEmpty();
    } catch (AssertionError _) {
      return true;
    }
  }

  @Tag("nightly")
  @Test
  void everyPromiseIsKeptInAMillionLives() {
    all(10_000, 1_000_000);
  }
}
