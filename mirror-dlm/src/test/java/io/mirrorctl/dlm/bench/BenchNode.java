package io.mirrorctl.dlm.bench;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.message.Answer;
import io.mirrorctl.dlm.message.Begun;
import io.mirrorctl.dlm.message.BroadcastChannel;
import io.mirrorctl.dlm.message.ChannelListener;
import io.mirrorctl.dlm.message.Envelope;
import io.mirrorctl.dlm.message.Exchanges;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/** A node that does nothing but what is measured: a session, a lockspace, a channel if wanted. */
final class BenchNode implements Standing, LockspaceListener, ChannelListener, AutoCloseable {
  private static final LockspaceSettings SETTINGS = new LockspaceSettings(32, Map.of());
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final AtomicLong INCARNATIONS = new AtomicLong();
  private static final Set<Long> VIEW = ConcurrentHashMap.newKeySet();

  final ZooKeeperStore store;
  private final Loop loop;
  private final long incarnation = INCARNATIONS.incrementAndGet();
  private volatile BroadcastChannel channel;
  Lockspace lockspace;

  BenchNode(ZooKeeperOptions options) {
    loop =
        Loop.start(
            "bench-" + incarnation,
            (_, e) -> {
              e.printStackTrace();
              Runtime.getRuntime().halt(1);
            });
    store = wait(ZooKeeperStore.connect(options, loop));
    var created =
        wait(store.commit(List.of(new Op.Create(path(), Bytes.EMPTY, Op.Life.EPHEMERAL))));
    if (!(created instanceof CommitResult.Committed)) {
      throw new IllegalStateException("no member entry: " + created);
    }
    VIEW.add(incarnation);
  }

  /** Takes its place in the lockspace. */
  BenchNode join(String name) {
    var joined =
        wait(
            Lockspace.join(
                new Lockspace.Node(store, loop, Env.system(), this), name, SETTINGS, this));
    lockspace = ((JoinOutcome.Joined) joined).lockspace();
    return this;
  }

  /** And in the exchange of messages. */
  BenchNode open(boolean sharedAck) {
    channel =
        sharedAck
            ? Exchanges.sharedAck(lockspace, loop, LIMIT, this)
            : BroadcastChannel.of(lockspace, loop, LIMIT, this);
    var begun = (Begun.Open) wait(channel.join().outcome());
    wait(begun.transaction().end());
    return this;
  }

  BroadcastChannel channel() {
    return channel;
  }

  static <T> T wait(CompletableFuture<T> future) {
    try {
      return future.get(60, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new IllegalStateException(e);
    }
  }

  private String path() {
    return "/bench-" + incarnation;
  }

  @Override
  public int node() {
    return (int) incarnation;
  }

  @Override
  public long incarnation() {
    return incarnation;
  }

  @Override
  public Op.Check check() {
    return new Op.Check(path(), 0);
  }

  @Override
  public Set<Long> view() {
    return Set.copyOf(VIEW);
  }

  @Override
  public long nextIncarnation() {
    return INCARNATIONS.get() + 1;
  }

  @Override
  public void overturned(String found) {
    throw new IllegalStateException(found);
  }

  @Override
  public CompletableFuture<Answer> receive(Envelope envelope) {
    return CompletableFuture.completedFuture(new Answer.Accepted());
  }

  @Override
  public void eject(int slot, String reason) {
    throw new IllegalStateException("slot " + slot + ": " + reason);
  }

  @Override
  public void halt(String reason) {
    throw new IllegalStateException(reason);
  }

  @Override
  public void close() {
    VIEW.remove(incarnation);
    store.close();
    wait(store.closed());
    loop.close();
  }
}
