package io.mirrorctl.core.array;

import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@link SharedRun} for many seeds. */
class SharedRunTest {
  private static final Logger ENGINE = Logger.getLogger("io.mirrorctl.core");

  @BeforeAll
  static void saysNothingOfTheDead() {
    ENGINE.setLevel(Level.OFF);
  }

  @AfterAll
  static void speaksAgain() {
    ENGINE.setLevel(null);
  }

  private static void runAll(LongStream seeds) {
    seeds.forEach(seed -> new SharedRun(seed).run());
  }

  @Test
  void nothingIsLostAndNoReadGoesBackWhateverNodesAndMembersDo() {
    runAll(LongStream.range(0, Long.getLong("shared.seeds", 150)));
  }

  @Tag("nightly")
  @Test
  void nothingIsLostInThousandsOfLives() {
    runAll(LongStream.range(1000, 11_000));
  }
}
