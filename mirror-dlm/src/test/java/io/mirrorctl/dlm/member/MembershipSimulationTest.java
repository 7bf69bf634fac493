package io.mirrorctl.dlm.member;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * Runs of {@link MemberWorld}. A seed that fails is in the message; {@code
 * -Dmembership.seed=NUMBER} runs it alone, {@code -Dmembership.seeds=COUNT} that many.
 */
class MembershipSimulationTest {
  private static final Logger LOG = (Logger) LoggerFactory.getLogger("io.mirrorctl.dlm.member");
  private static Level level;

  @BeforeAll
  static void quiet() {
    level = LOG.getLevel();
    LOG.setLevel(Long.getLong("membership.seed") == null ? Level.OFF : Level.DEBUG);
  }

  @AfterAll
  static void asBefore() {
    LOG.setLevel(level);
  }

  @Test
  void inEveryRunTheMembershipKeepsItsPromises() {
    Long one = Long.getLong("membership.seed");
    if (one != null) {
      new MemberWorld(one).run();
    } else {
      LongStream.range(0, Long.getLong("membership.seeds", 2_000))
          .forEach(seed -> new MemberWorld(seed).run());
    }
  }

  @Test
  @Tag("nightly")
  void inManyMoreRunsToo() {
    LongStream.range(1_000_000, 1_100_000).forEach(seed -> new MemberWorld(seed).run());
  }
}
