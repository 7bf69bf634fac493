package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.io.Resources;
import java.io.IOException;
import java.util.Iterator;
import java.util.Optional;

/** The texts of {@code mirrorctl help TOPIC}. */
final class HelpTopics implements Iterable<String> {
  /** All topics. */
  static final ImmutableList<String> NAMES =
      ImmutableList.of(
          "bitmap",
          "claims",
          "coherent",
          "config",
          "disks",
          "exit-codes",
          "fencing",
          "lease",
          "path-loss",
          "quorum",
          "replacing",
          "resync",
          "service",
          "slots");

  /** The text about a topic, if it is one; its first line says in one what it is about. */
  static Optional<String> text(String topic) throws IOException {
    return NAMES.contains(topic)
        ? Optional.of(
            Resources.toString(
                Resources.getResource(HelpTopics.class, "help/" + topic + ".txt"), UTF_8))
        : Optional.empty();
  }

  /** What completion offers. */
  @Override
  public Iterator<String> iterator() {
    return NAMES.iterator();
  }
}
