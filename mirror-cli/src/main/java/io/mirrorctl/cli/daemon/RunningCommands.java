package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.env.Env;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentLinkedQueue;
import tools.jackson.databind.JsonNode;

/**
 * What operators have asked this node to change, and is not done yet.
 *
 * <p>Threading: any thread.
 */
final class RunningCommands {
  /** Requests that only look, or wait because that is what was asked for. */
  private static final Set<String> LOOKS =
      Set.of("detail", "status", "members", "locks", "why", "monitor", "wait", "dry-run");

  private final ConcurrentLinkedQueue<Running> running = new ConcurrentLinkedQueue<>();
  private final Env env;

  RunningCommands(Env env) {
    this.env = env;
  }

  /** A command that is being carried out; ends when closed. */
  final class Running implements AutoCloseable {
    private final String text;
    private final Optional<String> array;
    private final long sinceMillis = env.millis();

    private Running(String text, Optional<String> array) {
      this.text = text;
      this.array = array;
    }

    /** As it was typed, or nearly so. */
    String text() {
      return text;
    }

    /** What it is about, if that is an array. */
    Optional<String> array() {
      return array;
    }

    long millis() {
      return env.millis() - sinceMillis;
    }

    @Override
    public void close() {
      running.remove(this);
    }
  }

  /** The request is being carried out from now on. */
  Running begin(NodeRequest request) {
    JsonNode json = ControlJson.MAPPER.valueToTree(request);
    String word = json.path("do").asString("");
    var text = new StringJoiner(" ").add(request instanceof NodeRequest.Scrub s ? scrub(s) : word);
    for (String key : List.of("array", "disk", "node")) {
      if (json.path(key).isString()) {
        text.add(json.get(key).asString());
      }
    }
    var one = new Running(text.toString(), Optional.ofNullable(json.path("array").asString(null)));
    if (!LOOKS.contains(word)) {
      running.add(one);
    }
    return one;
  }

  private static String scrub(NodeRequest.Scrub request) {
    return request.repair() ? "repair" : "check";
  }

  /** In the order in which they came. */
  List<Running> all() {
    return List.copyOf(running);
  }
}
