package io.mirrorctl.dlm.simulation;

import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.SessionLostException;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StorePath;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * A session with {@link MemoryServers}, as the process that owns it sees it. Its own threads stand
 * still while the node is paused; what they find out, they find out up to a quarter of a second
 * after it goes on.
 */
public final class MemoryStore implements Store {
  /** What becomes of a commit whose answer is lost with the connection. */
  public enum Fate {
    DONE,
    NOT_DONE,
    /** Done after the connection was seen lost, and before it is back. */
    DONE_LATE
  }

  private enum State {
    CONNECTED,
    SUSPENDED,
    OVER
  }

  static final long LEAST_RECONNECT = 100_000_000;
  private static final long MOST_RECONNECT = 1_000_000_000;
  private static final long FALSE_BELIEF = 250_000_000;

  private final MemorySession session;
  private final Simulation simulation;
  private final SimulatedNode node;
  private final List<Consumer<SessionEvent>> listeners = new ArrayList<>();
  private final Set<Asked<?>> commits = new LinkedHashSet<>();
  private final Map<Asked<?>, Runnable> repeatable = new LinkedHashMap<>();
  private final Map<Long, Fate> fates = new HashMap<>();
  private State state = State.CONNECTED;
  private int connection = 1;
  private int suspension;
  private boolean silentForEver;
  private StoreCounts counts = StoreCounts.NONE;

  MemoryStore(MemorySession session, Simulation simulation, SimulatedNode node) {
    this.session = session;
    this.simulation = simulation;
    this.node = node;
  }

  @Override
  public long sessionId() {
    return session.id();
  }

  @Override
  public Duration sessionTimeout() {
    return session.timeout();
  }

  public SimulatedNode node() {
    return node;
  }

  @Override
  public StoreCounts counts() {
    return counts;
  }

  private void count(long commits, long reads, long changes) {
    counts = counts.plus(new StoreCounts(commits, reads, changes));
  }

  /**
   * The connection breaks at a commit to come, and is made again soon.
   *
   * @param nth 1 is the next commit
   */
  public void loseAnswer(int nth, Fate fate) {
    fates.put(counts.commits() + nth, fate);
  }

  /** The connection breaks, and is made again soon. */
  public void dropConnection() {
    session.cutConnection();
  }

  @Override
  public CompletableFuture<Optional<Entry>> read(String path) {
    StorePath.entry(path);
    count(0, 1, 0);
    return ask(commit -> session.tree().entry(path, commit));
  }

  @Override
  public CompletableFuture<List<String>> children(String path) {
    StorePath.any(path);
    count(0, 1, 0);
    return ask(commit -> session.tree().children(path, commit));
  }

  private <T> CompletableFuture<T> ask(IntFunction<T> asOf) {
    var asked = new Asked<T>();
    return repeat(
        asked,
        () ->
            session.read(commit -> {
              T answer = asOf.apply(commit);
              return () -> asked.answer(answer);
            }));
  }

  private <T> CompletableFuture<T> repeat(Asked<T> asked, Runnable request) {
    if (state == State.OVER) {
      asked.fail(lost());
    } else {
      repeatable.put(asked, request);
      if (state == State.CONNECTED) {
        request.run();
      }
    }
    return asked.future;
  }

  /** What has not been answered yet. */
  private final class Asked<T> {
    private final CompletableFuture<T> future = new CompletableFuture<>();

    void answer(T answer) {
      if (repeatable.remove(this) != null || commits.remove(this)) {
        node.loop().execute(() -> future.complete(answer));
      }
    }

    void fail(StoreException cause) {
      node.loop().execute(() -> future.completeExceptionally(cause));
    }
  }

  @Override
  public CompletableFuture<CommitResult> commit(List<Op> ops) {
    List<Op> parts = Op.checked(ops);
    count(1, 0, 0);
    Fate fate = fates.remove(counts.commits());
    var asked = new Asked<CommitResult>();
    if (state == State.OVER) {
      asked.fail(lost());
    } else if (state == State.SUSPENDED) {
      asked.fail(unknown());
    } else {
      commits.add(asked);
      switch (fate) {
        case null -> session.commit(parts, asked::answer);
        case DONE -> session.commitWithoutAnswer(parts);
        case NOT_DONE -> session.cutConnection();
        case DONE_LATE -> session.commitAfterCut(parts);
      }
    }
    return asked.future;
  }

  private SessionLostException lost() {
    return new SessionLostException(
        "session 0x%x of node %s is over".formatted(session.id(), node));
  }

  private OutcomeUnknownException unknown() {
    return new OutcomeUnknownException(
        "session 0x%x of node %s lost its connection".formatted(session.id(), node), null);
  }

  @Override
  public CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange) {
    StorePath.any(path);
    var watch = new MemoryWatch(onChange);
    var asked = new Asked<Watch>();
    return repeat(asked, () -> session.watch(path, depth, watch.told, () -> asked.answer(watch)));
  }

  private final class MemoryWatch implements Watch {
    private final Consumer<Change> onChange;
    private final Consumer<Change> told = this::told;
    private boolean closed;

    MemoryWatch(Consumer<Change> onChange) {
      this.onChange = onChange;
    }

    private void told(Change change) {
      node.loop()
          .execute(() -> {
            if (!closed && !silentForEver) {
              count(0, 0, 1);
              onChange.accept(change);
            }
          });
    }

    @Override
    public void close() {
      closed = true;
      if (state != State.OVER) {
        session.unwatch(told);
      }
    }
  }

  @Override
  public void onSession(Consumer<SessionEvent> listener) {
    listeners.add(listener);
  }

  private void tell(SessionEvent event) {
    node.loop()
        .execute(() -> {
          if (!silentForEver) {
            silentForEver = event == SessionEvent.LOST;
            List.copyOf(listeners).forEach(listener -> listener.accept(event));
          }
        });
  }

  @Override
  public void close() {
    if (state != State.OVER) {
      silentForEver = true;
      over();
      session.close();
    }
  }

  // what the session's own threads do

  void receive(int on, Runnable delivery) {
    node.inProcess(() -> {
      if (state != State.OVER && on == connection) {
        delivery.run();
      }
    });
  }

  /** The connection is gone; the process finds out at once, or when nothing came for too long. */
  void disconnected(int which) {
    boolean silently = !node.isConnected() && simulation.random().nextBoolean();
    long patience = silently ? session.timeout().toNanos() * 2 / 3 : 1_000_000;
    simulation.afterNanos(
        simulation.between(0, patience),
        () -> {
          if (node.isRunning()) {
            suspend(which);
          } else {
            node.inProcess(() ->
                simulation.afterNanos(
                    simulation.between(0, FALSE_BELIEF),
                    () -> node.inProcess(() -> suspend(which))));
          }
        });
  }

  private void suspend(int which) {
    if (state == State.OVER || which != connection) {
      return;
    }
    connection = 0;
    if (!session.isAlive() && session.isReachable() && simulation.random().nextBoolean()) {
      lose();
      return;
    }
    List<Asked<?>> unanswered = List.copyOf(commits);
    commits.clear();
    if (state == State.CONNECTED) {
      state = State.SUSPENDED;
      tell(SessionEvent.SUSPENDED);
      int current = ++suspension;
      simulation.afterNanos(
          node.trueNanos(session.timeout()),
          () ->
              node.inProcess(() -> {
                if (state == State.SUSPENDED && current == suspension) {
                  lose();
                }
              }));
    }
    unanswered.forEach(commit -> commit.fail(unknown()));
    tryAgain();
  }

  private void tryAgain() {
    long aSixth = Math.max(2 * LEAST_RECONNECT, session.timeout().toNanos() / 6);
    simulation.afterNanos(
        simulation.between(LEAST_RECONNECT, Math.min(MOST_RECONNECT, aSixth)),
        () -> node.inProcess(this::reconnect));
  }

  private void reconnect() {
    if (state != State.SUSPENDED) {
      return;
    }
    if (!session.isReachable()) {
      tryAgain();
    } else if (!session.isAlive()) {
      lose();
    } else {
      session.reconnect(this::reconnected);
      connection = session.connection();
    }
  }

  private void reconnected() {
    state = State.CONNECTED;
    suspension++;
    tell(SessionEvent.RECONNECTED);
    List.copyOf(repeatable.values()).forEach(Runnable::run);
  }

  private void lose() {
    tell(SessionEvent.LOST);
    over();
    session.abandon();
  }

  private void over() {
    state = State.OVER;
    commits.forEach(asked -> asked.fail(lost()));
    commits.clear();
    repeatable.keySet().forEach(asked -> asked.fail(lost()));
    repeatable.clear();
  }
}
