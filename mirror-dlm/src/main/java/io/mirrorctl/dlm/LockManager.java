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
    var node = new Lockspace.Node(membership.store(), loop, Env.system(), membership.standing());
    JoinOutcome outcome =
        await(Lockspace.join(node, name, settings, listener), "joining lockspace " + name);
    switch (outcome) {
      case JoinOutcome.Joined(Lockspace lockspace) -> {
        membership.onViewChange(lockspace::nodesGone);
        lockspace.nodesGone();
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

  /** The cluster's services: who is up, eject, regroup, the lease. */
  public Membership membership() {
    return membership;
  }

  /**
   * Gives up all locks, leaves the lockspaces, then the cluster. If the servers do not answer in
   * time, the others will take it for a death.
   */
  @Override
  public void close() {
    List<Lockspace> all;
    synchronized (lockspaces) {
      all = List.copyOf(lockspaces);
      lockspaces.clear();
    }
    try {
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
