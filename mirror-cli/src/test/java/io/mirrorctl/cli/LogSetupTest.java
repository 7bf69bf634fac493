package io.mirrorctl.cli;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.core.ConsoleAppender;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class LogSetupTest {

  @Test
  void theLogGoesToStandardErrorFromWarnOn() {
    var context = (LoggerContext) LoggerFactory.getILoggerFactory();
    var root = context.getLogger("ROOT");

    assertThat(root.getLevel()).isEqualTo(Level.WARN);
    assertThat(root.iteratorForAppenders())
        .toIterable()
        .singleElement()
        .isInstanceOf(ConsoleAppender.class)
        .extracting("target")
        .hasToString("System.err");
  }

  @Test
  void thePlatformsOwnLoggersGoTheSameWay() {
    var logger = System.getLogger("io.mirrorctl.core.sample");

    assertThat(logger.isLoggable(System.Logger.Level.WARNING)).isTrue();
    assertThat(logger.isLoggable(System.Logger.Level.INFO)).isFalse();
  }
}
