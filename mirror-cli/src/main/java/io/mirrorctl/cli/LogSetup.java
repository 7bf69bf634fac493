package io.mirrorctl.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;

/**
 * The log goes to standard error, from level {@code warn} on, or from the level that the system
 * property {@value #LEVEL_PROPERTY} names when the first logger is made. Found by Logback as a
 * service; in code, because parsing a file costs every short command some 40 ms.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** Names the lowest level that is logged: error, warn, info, debug, trace or off. */
  public static final String LEVEL_PROPERTY = "mirrorctl.log";

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    var encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%d{HH:mm:ss.SSS} %-5level %logger{0}: %msg%n");
    encoder.start();
    var appender = new ConsoleAppender<ILoggingEvent>();
    appender.setContext(context);
    appender.setName("stderr");
    appender.setTarget("System.err");
    appender.setEncoder(encoder);
    appender.start();
    Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.toLevel(System.getProperty(LEVEL_PROPERTY), Level.WARN));
    root.addAppender(appender);
    if (root.getLevel() == Level.WARN) {
      // what they warn of, a lost connection for instance, is told by us in our own words
      context.getLogger("org.apache.curator").setLevel(Level.ERROR);
      context.getLogger("org.apache.zookeeper").setLevel(Level.ERROR);
    }
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }
}
