package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.member.HaltCode;
import io.mirrorctl.dlm.member.Heartbeat;
import io.mirrorctl.dlm.member.HoldCause;
import io.mirrorctl.dlm.member.JoinResult;
import io.mirrorctl.dlm.member.MemberPorts;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.MembershipListener;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.zookeeper.Sessions;
import io.mirrorctl.dlm.zookeeper.TcpProxy;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A node on real servers: membership, lockspace and channel, bound as the product binds them. */
final class RealNode implements MembershipListener, LockspaceListener, AutoCloseable {
  static final Duration LIMIT = Duration.ofSeconds(10);
  static final CompletableFuture<Answer> ACCEPTED =
      CompletableFuture.completedFuture(new Answer.Accepted());

  /** A session of 4 s, so that a busy machine kills nobody. */
  private static final Heartbeat HEARTBEAT = new Heartbeat(200, 4, 5);

  private static final Duration IO_MARGIN = Duration.ofMillis(200);
  private static final LockspaceSettings SETTINGS = new LockspaceSettings(16, Map.of());
  private static final long PATIENCE_SECONDS = 90;

  final int number;
  final List<Envelope> applied = new CopyOnWriteArrayList<>();
  final List<ClusterMessage> sent = new CopyOnWriteArrayList<>();
  final List<String> ends = new CopyOnWriteArrayList<>();
  volatile Function<Envelope, CompletableFuture<Answer>> answers = _ -> ACCEPTED;
  private final Duration limit;
  private final CommitLog log;
  private final TcpProxy proxy;
  private final String servers;
  private final Loop loop;
  private final Membership membership;
  private final List<Throwable> bugs = new CopyOnWriteArrayList<>();
  private volatile ZooKeeperStore session;
  private volatile FaultyStore store;
  private volatile ChannelBinding binding;
  private volatile Lockspace lockspace;
  private volatile boolean dead;
  private volatile boolean lapsed;

  /**
   * @param server the one that this node talks to
   */
  RealNode(String server, String root, int number, Duration limit, CommitLog log) {
    this.number = number;
    this.limit = limit;
    this.log = log;
    servers = server;
    proxy = new TcpProxy(server);
    loop = Loop.start("real-" + number, (_, bug) -> bugs.add(bug));
    membership =
        Membership.of(
            MemberSettings.of(number).with(HEARTBEAT).withIoMargin(IO_MARGIN),
            MemberPorts.of(loop, Env.system(), timeout -> connect(root, timeout), this));
  }

  private CompletionStage<Store> connect(String root, Duration timeout) {
    return ZooKeeperStore.connect(
            ZooKeeperOptions.of(proxy.connectString(), root)
                .withSessionTimeout(timeout)
                .withConnectTimeout(Duration.ofSeconds(30)),
            loop)
        .thenApply(opened -> {
          session = opened;
          store = new FaultyStore(opened, log, this::happens);
          return store;
        });
  }

  private void happens(FaultyStore.Fault fault) {
    switch (fault) {
      case KILL_BEFORE, KILL_AFTER -> kill();
      case EXPIRE -> {
        dead = true;
        Thread.startVirtualThread(() -> Sessions.expire(session, servers));
      }
      case LOSE_REQUEST -> proxy.loseNextRequest();
      case LOSE_ANSWER -> proxy.loseNextAnswer();
      case CUT -> {
        proxy.cut();
        loop.after(Duration.ofSeconds(1), proxy::restore);
      }
    }
  }

  static <T> T wait(CompletableFuture<T> future) {
    return future.orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
  }

  /** Into cluster and lockspace, but not yet into the exchange. */
  RealNode enter() {
    if (!(wait(membership.join(Duration.ofSeconds(60))) instanceof JoinResult.Joined)) {
      throw new AssertionError("node %d did not join".formatted(number));
    }
    var node = new Lockspace.Node(membership.store(), loop, Env.system(), membership.standing());
    binding = new ChannelBinding(membership, node, this, this::receive);
    lockspace =
        switch (wait(binding.join("array", SETTINGS, limit))) {
          case JoinOutcome.Joined(var joined) -> joined;
          case JoinOutcome other ->
              throw new AssertionError("node %d, lockspace: %s".formatted(number, other));
        };
    return this;
  }

  /** Takes its place in the exchange; complete when the token is let go again. */
  CompletableFuture<Void> takePart() {
    return channel()
        .join()
        .outcome()
        .thenCompose(begun ->
            begun instanceof Begun.Open(var transaction)
                ? transaction.end()
                : CompletableFuture.failedFuture(new AssertionError(begun)));
  }

  RealNode joined() {
    enter();
    wait(takePart());
    return this;
  }

  BroadcastChannel channel() {
    return binding.channel().channel();
  }

  int slot() {
    return binding.channel().lockspace().slot();
  }

  Membership membership() {
    return membership;
  }

  CompletableFuture<Delivery> send(ClusterMessage message) {
    sent.add(message);
    return channel().send(message).outcome();
  }

  /** Broadcasts, and waits until the token is let go. */
  void sendAndRest(ClusterMessage message) {
    if (wait(channel().begin().outcome()) instanceof Begun.Open(var transaction)) {
      wait(transaction.send(message));
      wait(transaction.end());
    }
  }

  private CompletableFuture<Answer> receive(Envelope envelope) {
    applied.add(envelope);
    return answers.apply(envelope);
  }

  /** From the n-th commit of locks from now on. */
  void failAt(int commit, FaultyStore.Fault fault) {
    var armed = new CompletableFuture<Void>();
    loop.execute(() -> {
      store.failAt(commit, fault);
      armed.complete(null);
    });
    wait(armed);
  }

  /** As SIGKILL, but that the servers hear of it at once. */
  void kill() {
    if (loop.isCurrent()) {
      dead = true;
      store.die();
    } else {
      loop.execute(this::kill);
    }
  }

  boolean isAlive() {
    return !dead && ends.isEmpty();
  }

  /** Whether it may be gone: somebody has brought it about, or its lease was over at some time. */
  boolean mayEnd() {
    return dead || lapsed;
  }

  List<Throwable> bugs() {
    return bugs;
  }

  @Override
  public CompletionStage<Void> holdIo(HoldCause cause) {
    lapsed |= cause == HoldCause.LEASE;
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public CompletionStage<Void> halted(HaltCode code, String text) {
    ends.add(code + ": " + text);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public void slot(int slot, int dead, long generation) {
    takeOver(slot, generation);
  }

  @Override
  public void left(int slot, int who, boolean needsTakeover, long generation) {
    if (needsTakeover) {
      takeOver(slot, generation);
    }
  }

  /** There is nothing to be done for a dead node: its slot is free at once. */
  private void takeOver(int slot, long generation) {
    if (lockspace != null) {
      var _ = lockspace.takenOver(slot, generation, Set.of());
    }
  }

  @Override
  public void halted(String reason) {
    ends.add("lockspace: " + reason);
  }

  @Override
  public void close() {
    membership.close();
    loop.close();
    proxy.close();
  }

  @Override
  public String toString() {
    return "node %d, %s, applied %s, sent %s"
        .formatted(number, isAlive() ? "alive" : ends, applied, sent);
  }
}
