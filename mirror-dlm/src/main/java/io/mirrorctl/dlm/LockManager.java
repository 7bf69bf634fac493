package io.mirrorctl.dlm;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.member.JoinResult;
import io.mirrorctl.dlm.member.MemberPorts;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.MembershipListener;
import io.mirrorctl.dlm.message.Begun;
import io.mirrorctl.dlm.message.BroadcastChannel;
import io.mirrorctl.dlm.message.ChannelBinding;
import io.mirrorctl.dlm.message.ChannelSettings;
import io.mirrorctl.dlm.message.LockspaceChannel;
import io.mirrorctl.dlm.message.MessageListener;
import io.mirrorctl.dlm.message.Transaction;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node's part in a cluster, with its locks: the door for programs that want the lock manager
 * and nothing else. One instance is one incarnation; when it has halted, another one is made.
 *
 * <p>Threading: callable from any thread but the callbacks', as all methods block.
 */
public final class LockManager implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LockManager.class);
  private static final Duration JOIN_TIMEOUT = Duration.ofSeconds(60);

  /** Longer than a join may take: what does not answer by then has lost its servers. */
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  private final Loop loop;
  private final Membership membership;
  private final List<Lockspace> lockspaces = new ArrayList<>();
  private final List<BroadcastChannel> channels = new ArrayList<>();

  private LockManager(Loop loop, Membership membership) {
    this.loop = loop;
    this.membership = membership;
  }

  /**
   * Joins the cluster that is kept below the root of these servers, or begins it.
   *
   * @param node number of this node, 1 to 64, its own for ever
   * @throws IOException if it cannot, saying why
   */
  public static LockManager join(ZooKeeperOptions servers, int node) throws IOException {
    return join(servers, MemberSettings.of(node), new MembershipListener() {});
  }

  /**
   * The same with all that can be set. The session timeout of the servers' options does not count,
   * as it follows from the cluster's heartbeat.
   *
   * @param listener hears who comes and goes, and if this node halts
   */
  public static LockManager join(
      ZooKeeperOptions servers, MemberSettings settings, MembershipListener listener)
      throws IOException {
    Loop loop =
        Loop.start(
            "mirror-dlm-" + settings.node(),
            (_, e) -> LOG.error("node {}: a callback failed", settings.node(), e));
    Membership membership =
        Membership.of(
            settings,
            MemberPorts.of(
                loop, Env.system(), timeout -> connect(servers, timeout, loop), listener));
    LockManager manager = new LockManager(loop, membership);
    boolean joined = false;
    try {
      JoinResult result = manager.await(membership.join(JOIN_TIMEOUT), "the join");
      if (result instanceof JoinResult.Joined) {
        joined = true;
        return manager;
      }
      throw new IOException(result.text());
    } finally {
      if (!joined) {
        manager.end();
      }
    }
  }

  private static CompletableFuture<Store> connect(
      ZooKeeperOptions servers, Duration sessionTimeout, Loop loop) {
    return ZooKeeperStore.connect(servers.withSessionTimeout(sessionTimeout), loop)
        .thenApply(store -> store);
  }

  /** Joins a lockspace of 64 slots, the first one making it. */
  public Lockspace lockspace(String name) throws IOException {
    return lockspace(name, new LockspaceSettings(64, Map.of()), new LockspaceListener() {});
  }

  /**
   * Joins a lockspace.
   *
   * @param listener hears who comes and goes
   * @throws IOException if it cannot, saying why
   */
  public Lockspace lockspace(String name, LockspaceSettings settings, LockspaceListener listener)
      throws IOException {
    Lockspace lockspace = joined(name, Lockspace.join(node(), name, settings, listener));
    membership.onViewChange(lockspace::nodesGone);
    lockspace.nodesGone();
    return lockspace;
  }

  /** Joins a lockspace of 64 slots and the broadcasts in it; who does not answer has 30 s. */
  public LockspaceChannel channel(String name, MessageListener receiver) throws IOException {
    return channel(name, ChannelSettings.DEFAULT, new LockspaceListener() {}, receiver);
  }

  /**
   * Joins a lockspace and takes this node's place in the broadcasts there. A member that does not
   * answer in time is ejected from the cluster; if this node cannot follow the others it halts,
   * which the listener of the membership hears.
   *
   * @param listener hears who comes and goes
   * @param receiver applies the messages of the others, from the end of this call on at the latest
   * @throws IOException if it cannot, saying why; the lockspace is left again then
   */
  public LockspaceChannel channel(
      String name, ChannelSettings settings, LockspaceListener listener, MessageListener receiver)
      throws IOException {
    var binding = new ChannelBinding(membership, node(), listener, receiver);
    Lockspace lockspace = joined(name, binding.join(name, settings.lockspace(), settings.limit()));
    boolean begun = false;
    try {
      begin(binding.channel().channel(), settings, name);
      begun = true;
    } finally {
      if (!begun) {
        forget(lockspace);
        var _ = lockspace.leave(Lockspace.Leaving.CLEAN);
      }
    }
    synchronized (lockspaces) {
      channels.add(binding.channel().channel());
    }
    return binding.channel();
  }

  private void begin(BroadcastChannel channel, ChannelSettings settings, String name)
      throws IOException {
    String what = "joining the broadcasts of lockspace " + name;
    switch (await(channel.join().outcome(), what)) {
      case Begun.Open(var transaction) -> {
        var learnt = new CompletableFuture<Void>();
        loop.execute(() -> learn(settings, transaction, learnt));
        await(learnt, what);
        await(transaction.end(), what);
      }
      case Begun.Not(String reason) -> throw new IOException(what + ": " + reason);
    }
  }

  private static void learn(
      ChannelSettings settings, Transaction transaction, CompletableFuture<Void> learnt) {
    try {
      var _ =
          settings
              .first()
              .apply(transaction)
              .whenComplete((_, failure) -> {
                if (failure == null) {
                  learnt.complete(null);
                } else {
                  learnt.completeExceptionally(failure);
                }
              });
    } catch (RuntimeException e) {
      learnt.completeExceptionally(e);
    }
  }

  private Lockspace.Node node() {
    return new Lockspace.Node(membership.store(), loop, Env.system(), membership.standing());
  }

  private Lockspace joined(String name, CompletableFuture<JoinOutcome> joining) throws IOException {
    switch (await(joining, "joining lockspace " + name)) {
      case JoinOutcome.Joined(Lockspace lockspace) -> {
        synchronized (lockspaces) {
          lockspaces.add(lockspace);
        }
        return lockspace;
      }
      case JoinOutcome.Full(int members, int needTakeover) ->
          throw new IOException(
              "lockspace %s has no free slot: %d members, %d slots wait for a takeover"
                  .formatted(name, members, needTakeover));
      case JoinOutcome.Mismatch(String parameter, String ours, String theirs) ->
          throw new IOException(
              "lockspace %s: %s is \"%s\" here and \"%s\" on its members"
                  .formatted(name, parameter, ours, theirs));
      case JoinOutcome.Halted(String reason) ->
          throw new IOException("lockspace %s: %s".formatted(name, reason));
    }
  }

  private void forget(Lockspace lockspace) {
    synchronized (lockspaces) {
      lockspaces.remove(lockspace);
    }
  }

  /** The cluster's services: who is up, eject, regroup, the lease. */
  public Membership membership() {
    return membership;
  }

  /**
   * Sees messages on their way through, gives up all locks, leaves the lockspaces, then the
   * cluster. If the servers do not answer in time, the others will take it for a death.
   */
  @Override
  public void close() {
    List<Lockspace> all;
    List<BroadcastChannel> open;
    synchronized (lockspaces) {
      all = List.copyOf(lockspaces);
      lockspaces.clear();
      open = List.copyOf(channels);
      channels.clear();
    }
    try {
      for (BroadcastChannel channel : open) {
        await(channel.close(), "closing a channel");
      }
      for (Lockspace lockspace : all) {
        await(lockspace.leave(Lockspace.Leaving.CLEAN), "leaving lockspace " + lockspace.name());
      }
      await(membership.leave(), "leaving the cluster");
    } catch (IOException e) {
      LOG.warn("not left cleanly: {}", e.getMessage());
    } finally {
      end();
    }
  }

  private void end() {
    membership.close();
    loop.close();
  }

  private <T> T await(CompletableFuture<T> future, String what) throws IOException {
    try {
      return future.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new IOException("%s was not done within %d s".formatted(what, PATIENCE.toSeconds()), e);
    } catch (ExecutionException e) {
      throw new IOException(what + ": " + e.getCause().getMessage(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException("interrupted: " + what).initCause(e);
    }
  }
}
