package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Bytes;
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
import io.mirrorctl.dlm.store.StoreException.Kind;
import io.mirrorctl.dlm.store.StorePath;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/**
 * A session with ZooKeeper.
 *
 * <p>Reads are asked again over lost connections, commits never. After a lost connection a commit
 * that changes nothing goes ahead of all else, and {@link SessionEvent#RECONNECTED} is told on its
 * answer: what was committed before anywhere is then seen by all reads, which ZooKeeper's {@code
 * sync} does not promise while leaders change; and what this session had sent before has been done
 * or never will be.
 *
 * <p>Threading: the loop owns all state. A request from elsewhere goes there first; what the
 * servers say passes ZooKeeper's one event thread and goes on to the loop in its order.
 */
public final class ZooKeeperStore implements Store {
  private enum State {
    /** No connection, or no answer yet from the one that was made anew. */
    SUSPENDED,
    CONNECTED,
    OVER
  }

  private final Connection connection;
  private final OneSession session;
  private final Root root;
  private final List<ACL> owner;
  private final Loop loop;
  private final WatchTable watches;
  private final CompletableFuture<ZooKeeperStore> opened = new CompletableFuture<>();
  private final List<Consumer<SessionEvent>> listeners = new CopyOnWriteArrayList<>();
  private final Set<Asked<?>> commits = new LinkedHashSet<>();
  private final Map<Asked<?>, Runnable> reads = new LinkedHashMap<>();
  private State state = State.SUSPENDED;
  private boolean closed;
  private volatile StoreCounts counts = StoreCounts.NONE;

  /**
   * Opens a session; nothing blocks.
   *
   * @param loop where everything is told
   * @return the store, or a {@link StoreException} whose kind and message say what is wrong:
   *     servers that cannot be reached, have no quorum, refuse the user or the certificate, or a
   *     root that is not ours
   */
  public static CompletableFuture<ZooKeeperStore> connect(ZooKeeperOptions options, Loop loop) {
    return Connecting.start(options, loop);
  }

  ZooKeeperStore(Connection connection, OneSession session, Root root, List<ACL> owner, Loop loop) {
    this.connection = connection;
    this.session = session;
    this.root = root;
    this.owner = owner;
    this.loop = loop;
    this.watches = new WatchTable(session, root, loop);
  }

  /** Complete, on the loop, once the servers have answered a first commit. */
  CompletableFuture<ZooKeeperStore> open() {
    connection.tellTo(event -> loop.execute(() -> onEvent(event)));
    loop.execute(this::settle);
    return opened;
  }

  @Override
  public long sessionId() {
    return session.getSessionId();
  }

  @Override
  public Duration sessionTimeout() {
    return Duration.ofMillis(session.getSessionTimeout());
  }

  /** For tests that have the servers end it. */
  OneSession session() {
    return session;
  }

  @Override
  public StoreCounts counts() {
    return counts;
  }

  private void count(long commits, long reads, long changes) {
    counts = counts.plus(new StoreCounts(commits, reads, changes));
  }

  @Override
  public void onSession(Consumer<SessionEvent> listener) {
    listeners.add(listener);
  }

  private void onLoop(Runnable task) {
    if (loop.isCurrent()) {
      task.run();
    } else {
      loop.execute(task);
    }
  }

  // requests

  @Override
  public CompletableFuture<Optional<Entry>> read(String path) {
    String znode = root.znode(StorePath.entry(path));
    var asked = new Asked<Optional<Entry>>("read of " + path);
    return repeat(
        asked,
        1,
        () ->
            session.getData(
                znode,
                false,
                (code, _, _, data, stat) ->
                    asked.read(code, Optional.empty(), () -> Optional.of(entry(data, stat))),
                null));
  }

  private static Entry entry(byte[] data, Stat stat) {
    Bytes content = data == null ? Bytes.EMPTY : Bytes.of(data);
    return new Entry(content, stat.getVersion(), stat.getEphemeralOwner());
  }

  @Override
  public CompletableFuture<List<String>> children(String path) {
    String znode = root.znode(StorePath.any(path));
    var asked = new Asked<List<String>>("children of " + path);
    return repeat(
        asked,
        1,
        () ->
            session.getChildren(
                znode,
                false,
                (int code, String _, Object _, List<String> names) ->
                    asked.read(code, List.of(), () -> List.copyOf(names)),
                null));
  }

  @Override
  public CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange) {
    StorePath.any(path);
    var watch = new PlacedWatch(path, depth, onChange);
    var asked = new Asked<Watch>("watch on " + path);
    onLoop(() -> watches.add(path, depth, watch.told));
    return repeat(
        asked,
        0,
        () -> watches.place(path, depth, (code, _, _) -> asked.read(code, watch, () -> watch)));
  }

  private final class PlacedWatch implements Watch {
    private final String path;
    private final WatchDepth depth;
    private final Consumer<Change> onChange;
    private final Consumer<Change> told = this::told;
    private volatile boolean removed;

    PlacedWatch(String path, WatchDepth depth, Consumer<Change> onChange) {
      this.path = path;
      this.depth = depth;
      this.onChange = onChange;
    }

    private void told(Change change) {
      if (!removed && !closed) {
        count(0, 0, 1);
        onChange.accept(change);
      }
    }

    @Override
    public void close() {
      removed = true;
      onLoop(() -> watches.remove(path, depth, told));
    }
  }

  private <T> CompletableFuture<T> repeat(Asked<T> asked, int reading, Runnable request) {
    onLoop(() -> {
      count(0, reading, 0);
      if (state == State.OVER) {
        asked.fail(lost(asked.what));
      } else {
        reads.put(asked, request);
        if (state == State.CONNECTED) {
          request.run();
        }
      }
    });
    return asked.future;
  }

  @Override
  public CompletableFuture<CommitResult> commit(List<Op> ops) {
    List<Op> parts = Op.checked(ops);
    var asked = new Asked<CommitResult>("commit on " + parts.getFirst().path());
    onLoop(() -> {
      count(1, 0, 0);
      switch (state) {
        case OVER -> asked.fail(lost(asked.what));
        case SUSPENDED -> asked.fail(unknown(asked.what));
        case CONNECTED -> {
          commits.add(asked);
          session.commit(
              Parts.toZooKeeper(parts, root, owner),
              (code, zxid, results) -> committed(asked, code, zxid, results));
        }
      }
    });
    return asked.future;
  }

  private void committed(Asked<CommitResult> asked, int code, long zxid, List<OpResult> results) {
    if (code == Code.OK.intValue()) {
      asked.answer(new CommitResult.Committed(zxid));
    } else {
      Optional.ofNullable(results)
          .flatMap(Parts::refusal)
          .ifPresentOrElse(asked::answer, () -> asked.failed(code));
    }
  }

  /** A request that has not been answered; the servers' word for it comes on any thread. */
  private final class Asked<T> {
    private final String what;
    private final CompletableFuture<T> future = new CompletableFuture<>();

    Asked(String what) {
      this.what = what;
    }

    void read(int code, T absent, Supplier<T> present) {
      switch (Code.get(code)) {
        case OK -> answer(present.get());
        case NONODE -> answer(absent);
        case null, default -> failed(code);
      }
    }

    void answer(T answer) {
      loop.execute(() -> {
        if (isDue()) {
          future.complete(answer);
        }
      });
    }

    /** There is no answer, or one that is no result. */
    void failed(int code) {
      loop.execute(() -> {
        switch (Code.get(code)) {
          case CONNECTIONLOSS -> suspend();
          case SESSIONEXPIRED, SESSIONMOVED, AUTHFAILED, SESSIONCLOSEDREQUIRESASLAUTH -> lose();
          case NOAUTH -> end(Kind.USER_REFUSED, "refused: the znode has another owner", null);
          case null -> end(Kind.OTHER, "failed with code " + code, null);
          default -> end(Kind.OTHER, "failed", KeeperException.create(Code.get(code)));
        }
      });
    }

    private void end(Kind kind, String how, Throwable cause) {
      if (isDue()) {
        future.completeExceptionally(
            new StoreException(kind, "%s below %s %s".formatted(what, root.path(), how), cause));
      }
    }

    private boolean isDue() {
      return reads.remove(this) != null || commits.remove(this);
    }

    /** In a task of its own: the caller may be in the middle of something. */
    void fail(StoreException cause) {
      loop.execute(() -> future.completeExceptionally(cause));
    }
  }

  private String name() {
    return "session 0x%x with %s".formatted(session.getSessionId(), connection.servers());
  }

  private SessionLostException lost(String what) {
    return new SessionLostException("%s: %s is over".formatted(what, name()));
  }

  private OutcomeUnknownException unknown(String what) {
    return new OutcomeUnknownException(
        "%s: %s has lost its connection".formatted(what, name()), null);
  }

  // the session

  private void onEvent(WatchedEvent event) {
    if (event.getType() == EventType.None) {
      switch (event.getState()) {
        case SyncConnected -> settle();
        case Disconnected -> suspend();
        case Expired, AuthFailed, Closed -> lose();
        default -> {}
      }
    }
  }

  private void suspend() {
    if (state == State.CONNECTED) {
      state = State.SUSPENDED;
      List<Asked<?>> unanswered = List.copyOf(commits);
      commits.clear();
      tell(SessionEvent.SUSPENDED);
      unanswered.forEach(asked -> asked.fail(unknown(asked.what)));
    }
  }

  /** On a new connection: a check that always stands goes through the whole ensemble. */
  private void settle() {
    if (state == State.SUSPENDED) {
      var check = org.apache.zookeeper.Op.check(root.path(), -1);
      session.commit(
          List.of(check), (code, _, results) -> loop.execute(() -> settled(code, results != null)));
    }
  }

  private void settled(int code, boolean answered) {
    if (Code.get(code) == Code.SESSIONEXPIRED) {
      lose();
    } else if (answered && state == State.SUSPENDED) {
      state = State.CONNECTED;
      if (opened.isDone()) {
        tell(SessionEvent.RECONNECTED);
      } else {
        opened.complete(this);
      }
      List.copyOf(reads.values()).forEach(Runnable::run);
    }
  }

  private void lose() {
    if (state != State.OVER) {
      state = State.OVER;
      connection.close();
      tell(SessionEvent.LOST);
      failAll();
    }
  }

  private void tell(SessionEvent event) {
    listeners.forEach(listener -> listener.accept(event));
  }

  private void failAll() {
    List<Asked<?>> failing = new ArrayList<>(commits);
    failing.addAll(reads.keySet());
    commits.clear();
    reads.clear();
    failing.forEach(asked -> asked.fail(lost(asked.what)));
    opened.completeExceptionally(lost("connecting"));
  }

  @Override
  public void close() {
    onLoop(() -> {
      closed = true;
      if (state != State.OVER) {
        state = State.OVER;
        failAll();
      }
    });
    // also where the loop is closed already
    connection.close();
  }

  /** Complete once the servers have been told of {@link #close}, or could not be. */
  public CompletableFuture<Void> closed() {
    return connection.closed();
  }
}
