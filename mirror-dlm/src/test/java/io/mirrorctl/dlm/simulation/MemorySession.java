package io.mirrorctl.dlm.simulation;

import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.StorePath;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * A session as its server keeps it: how far it has seen the commits, what it watches, and the two
 * streams of its connection, each in order.
 */
final class MemorySession {
  /** A request whose answer waits until the session has seen the commits up to {@code seen}. */
  private record Waiting(int seen, Runnable answer) {}

  private record Watching(String path, WatchDepth depth, Consumer<Change> told) {
    boolean sees(String changed) {
      return depth == WatchDepth.SUBTREE ? StorePath.isWithin(changed, path) : changed.equals(path);
    }
  }

  private final MemoryServers servers;
  private final Simulation simulation;
  private final SimulatedNode node;
  private final long id;
  private final Duration timeout;
  private final MemoryStore store;
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  private final List<Watching> watches = new ArrayList<>();
  private boolean alive = true;
  private boolean abandoned;
  private boolean connected = true;
  private int connection = 1;
  private int cutRequests;
  private int seen;
  private boolean behind;
  private long lastArrival;
  private long lastDelivery;
  private boolean silent;
  private int silences;
  private boolean paused;
  private long pausedAt;

  MemorySession(
      MemoryServers servers, Simulation simulation, SimulatedNode node, long id, Duration timeout) {
    this.servers = servers;
    this.simulation = simulation;
    this.node = node;
    this.id = id;
    this.timeout = timeout;
    this.seen = servers.tree().head();
    this.store = new MemoryStore(this, simulation, node);
    node.onFate(this::fate);
    silence();
  }

  MemoryStore store() {
    return store;
  }

  long id() {
    return id;
  }

  Duration timeout() {
    return timeout;
  }

  MemoryTree tree() {
    return servers.tree();
  }

  boolean isAlive() {
    return alive;
  }

  int connection() {
    return connection;
  }

  boolean isReachable() {
    return node.isConnected() && !servers.isStopped();
  }

  // what comes from the client

  void read(IntFunction<Runnable> answerAsOf) {
    arrives(() -> queue(0, () -> send(answerAsOf.apply(seen))));
  }

  void commit(List<Op> ops, Consumer<CommitResult> answer) {
    arrives(() -> {
      CommitResult result = servers.commit(id, ops);
      queue(servers.tree().head(), () -> send(() -> answer.accept(result)));
      fallBehind();
    });
  }

  /** Done, and the connection breaks before the answer. */
  void commitWithoutAnswer(List<Op> ops) {
    arrives(() -> {
      servers.commit(id, ops);
      cutConnection();
    });
  }

  /** The connection breaks, and what was under way is done before another one is made. */
  void commitAfterCut(List<Op> ops) {
    int before = connection;
    cutConnection();
    simulation.afterNanos(
        simulation.between(1, MemoryStore.LEAST_RECONNECT),
        () -> {
          if (alive && connection == before) {
            servers.commit(id, ops);
          }
        });
  }

  void watch(String path, WatchDepth depth, Consumer<Change> told, Runnable answer) {
    arrives(() ->
        queue(
            0,
            () -> {
              watches.removeIf(watching -> watching.told.equals(told));
              watches.add(new Watching(path, depth, told));
              send(answer);
            }));
  }

  void unwatch(Consumer<Change> told) {
    arrives(() -> queue(0, () -> watches.removeIf(watching -> watching.told.equals(told))));
  }

  void close() {
    abandon();
    arrives(this::end);
  }

  /** The process will not use the session any more. */
  void abandon() {
    abandoned = true;
    silence();
  }

  /**
   * After a cut, what was sent before may still arrive, up to some point of the stream and before
   * the next connection.
   */
  private void arrives(Runnable request) {
    int sentOn = connection;
    boolean onCutConnection = !connected;
    boolean survives = simulation.random().nextBoolean();
    lastArrival = Math.max(lastArrival + 1, simulation.nanos() + servers.latency());
    simulation.atNanos(
        lastArrival,
        () -> {
          if (!alive || sentOn != connection || servers.isStopped() || cutRequests == sentOn) {
            return;
          }
          if (!connected && (onCutConnection || !survives)) {
            cutRequests = sentOn;
          } else {
            request.run();
          }
        });
  }

  private void queue(int afterCommit, Runnable answer) {
    if (connected) {
      waiting.add(new Waiting(afterCommit, answer));
      answer();
    }
  }

  private void answer() {
    while (!waiting.isEmpty() && waiting.peek().seen <= seen) {
      waiting.remove().answer.run();
    }
  }

  // what goes to the client

  /** There are commits that this session has not seen. */
  void fallBehind() {
    if (!behind && connected) {
      behind = true;
      simulation.afterNanos(servers.latency(), this::catchUp);
    }
  }

  private void catchUp() {
    behind = false;
    while (connected && seen < servers.tree().head()) {
      seen++;
      for (Change change : servers.tree().changes(seen)) {
        for (Watching watching : watches) {
          if (watching.sees(change.path())) {
            send(() -> watching.told.accept(change));
          }
        }
      }
      answer();
    }
  }

  private void send(Runnable delivery) {
    if (!connected) {
      return;
    }
    int sentOn = connection;
    lastDelivery = Math.max(lastDelivery + 1, simulation.nanos() + servers.latency());
    simulation.atNanos(
        lastDelivery,
        () -> {
          if (connected && sentOn == connection) {
            store.receive(sentOn, delivery);
          }
        });
  }

  // the connection

  void cutConnection() {
    if (connected) {
      connected = false;
      waiting.clear();
      store.disconnected(connection);
      silence();
    }
  }

  /** A new connection of the session; what was not told before is not told any more. */
  void reconnect(Runnable answer) {
    connection++;
    connected = true;
    seen = servers.tree().head();
    silence();
    send(answer);
  }

  private void fate() {
    if (!alive) {
      return;
    }
    if (!node.isConnected()) {
      cutConnection();
    }
    if (node.isRunning() && paused && simulation.nanos() - pausedAt > timeout.toNanos() * 2 / 3) {
      cutConnection();
    }
    if (node.isRunning() == paused) {
      paused = !node.isRunning();
      pausedAt = simulation.nanos();
    }
    silence();
  }

  /** Whether the servers hear of the session has perhaps changed. */
  void silence() {
    if (!alive || servers.isStopped()) {
      silences++;
      silent = false;
      return;
    }
    boolean isSilent = abandoned || !connected || !node.isRunning();
    if (isSilent != silent) {
      silent = isSilent;
      int current = ++silences;
      if (silent) {
        simulation.afterNanos(
            servers.patience(timeout.toNanos()),
            () -> {
              if (current == silences) {
                end();
              }
            });
      }
    }
  }

  void end() {
    if (alive) {
      alive = false;
      waiting.clear();
      if (connected) {
        connected = false;
        store.disconnected(connection);
      }
      servers.ended(id);
    }
  }
}
