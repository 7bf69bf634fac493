package io.mirrorctl.dlm.cluster;

import static com.google.common.collect.ImmutableMap.toImmutableMap;

import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.core.format.ClaimOwner;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.member.FenceAgent;
import io.mirrorctl.dlm.member.HaltCode;
import io.mirrorctl.dlm.member.HoldCause;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.JoinResult;
import io.mirrorctl.dlm.member.MemberPorts;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.MembershipListener;
import io.mirrorctl.dlm.member.ServiceResult;
import io.mirrorctl.dlm.member.StoreConnector;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One node of a cluster, with the arrays that it has in use together with others. One instance is
 * one incarnation: when it has halted, another one is made, and the arrays are assembled anew.
 *
 * <p>Threading: any thread but callbacks; methods block.
 */
public final class ClusterNode implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterNode.class);
  private static final Duration JOIN_TIMEOUT = Duration.ofSeconds(60);
  private static final Duration LAST_TASKS = Duration.ofSeconds(10);

  /** Hears what happens to the node; called on its loop, must not block. */
  public interface Listener {
    /** Another node is up. */
    default void nodeUp(Incarnation node) {}

    /**
     * Another node is down.
     *
     * @param clean it left, else it died or was ejected
     */
    default void nodeDown(Incarnation node, boolean clean) {}

    /** I/O is held, or runs again. */
    default void ioHeld(Optional<HoldCause> cause) {}

    /**
     * This incarnation is over, not by {@link ClusterNode#leave}: requests fail from now on. The
     * last call.
     */
    default void halted(String reason) {}
  }

  /**
   * What outlives the incarnations of a node.
   *
   * @param cluster name of its cluster, for people
   * @param node its name, for people
   * @param late what they wrote too late
   */
  public record Self(String cluster, String node, LateWrites late) {}

  private final MemberSettings settings;
  private final PathPolicy paths;
  private final Env env;
  private final Loop loop;
  private final Listener listener;
  private final Self self;
  private final Membership membership;
  private final LeaseGate gate;
  private final DisksFirst disksFirst;

  /** Of the arrays that are in use. */
  private final Set<ArrayFence> fences = ConcurrentHashMap.newKeySet();

  /** Of the last view that was told. */
  private volatile long epoch;

  private volatile Optional<ClaimOwner> owner = Optional.empty();

  /** What follows is guarded by the list. */
  private final List<ClusterArray> arrays = new ArrayList<>();

  private Optional<String> ended = Optional.empty();

  private ClusterNode(
      Self self,
      MemberSettings settings,
      Function<Loop, StoreConnector> servers,
      FenceAgent fence,
      PathPolicy paths,
      Env env,
      Listener listener) {
    this.self = self;
    this.settings = settings;
    this.paths = paths;
    this.env = env;
    this.listener = listener;
    this.loop =
        Loop.start(
            "mirror-node-" + settings.node(),
            (_, e) -> {
              LOG.error("node {}: a callback failed", settings.node(), e);
              if (e instanceof Error) {
                halt("a task of the node's loop failed: " + e);
              }
            });
    this.disksFirst = new DisksFirst(fences, fence, env.io());
    this.membership =
        Membership.of(
            settings,
            MemberPorts.of(loop, env, servers.apply(loop), new Above()).fencedBy(disksFirst));
    this.gate = new LeaseGate(() -> membership.lease().isValid());
  }

  /**
   * Joins the cluster.
   *
   * @param self the names are told on the disks to nodes that this cluster does not reach
   * @param servers gives, for the loop on which its sessions are to work, what begins them
   * @param fence asked about a dead node when the disks of this one's arrays refuse it, as far as
   *     they can
   * @param paths what it does about members that it alone does not reach
   * @throws IOException if it cannot, saying why
   */
  public static ClusterNode join(
      Self self,
      MemberSettings settings,
      Function<Loop, StoreConnector> servers,
      FenceAgent fence,
      PathPolicy paths,
      Env env,
      Listener listener)
      throws IOException {
    var node = new ClusterNode(self, settings, servers, fence, paths, env, listener);
    boolean joined = false;
    try {
      JoinResult result = Await.done(node.membership.join(JOIN_TIMEOUT), "joining the cluster");
      if (!(result instanceof JoinResult.Joined)) {
        throw new IOException(result.text());
      }
      node.identify();
      joined = true;
      return node;
    } finally {
      if (!joined) {
        node.close();
      }
    }
  }

  private void identify() throws IOException {
    epoch = Await.done(membership.clusterInfo(), "asking for the view").epoch();
    owner =
        Optional.of(
            ClaimOwner.ofCluster(
                Ensemble.of(membership.store(), env),
                self.cluster(),
                self.node(),
                membership.standing().incarnation()));
  }

  /** The cluster's services: who is up, eject, diagnostics. */
  public Membership membership() {
    return membership;
  }

  /** Which life of which node this is. */
  public Incarnation self() {
    Standing standing = membership.standing();
    return new Incarnation(standing.node(), standing.incarnation());
  }

  /** The number by which the nodes of this cluster know each other on disks. */
  public UUID ensemble() {
    return owner.orElseThrow().ensemble();
  }

  /** Why this incarnation is over, if it is. */
  public Optional<String> ended() {
    synchronized (arrays) {
      return ended;
    }
  }

  /** The arrays that this node has in use. */
  public List<ClusterArray> arrays() {
    synchronized (arrays) {
      return List.copyOf(arrays);
    }
  }

  /**
   * Writes that came back when the lease was over for good: they may have taken effect when others
   * did not expect it any more. The first hundred.
   */
  public List<LateRange> lateWrites() {
    return gate.lateWrites();
  }

  /**
   * Takes an array into use, together with the nodes that have it already.
   *
   * @param name under which this node knows it
   * @param devices its members, open; they belong to the array, and are closed with it or when this
   *     fails
   * @param coherence the same on all nodes that have it in use
   * @param finder looks for disks that other nodes add
   * @throws IOException if that is not possible, saying why: for instance if no slot is free
   */
  public ClusterArray assemble(
      String name,
      List<? extends BlockDevice> devices,
      ArrayOptions options,
      Coherence coherence,
      DiskFinder finder)
      throws IOException {
    var lease = new ArrayLease(gate, self.late());
    return new ArrayJoin(this, name, devices, lease, options, coherence, finder).run();
  }

  /**
   * Stops all arrays and leaves the cluster.
   *
   * @throws IOException if something was not left as it should; the node is out all the same
   */
  public void leave() throws IOException {
    IOException failure = null;
    for (ClusterArray array : arrays()) {
      try {
        array.stop();
      } catch (IOException e) {
        failure = e;
      }
    }
    ServiceResult result = Await.done(membership.leave(), "leaving the cluster");
    close();
    if (failure != null) {
      throw failure;
    }
    if (!(result instanceof ServiceResult.Done)) {
      throw new IOException(result.text());
    }
  }

  /**
   * Ends at once, without leaving: the others take it for a death. Does nothing after {@link
   * #leave}.
   */
  @Override
  public void close() {
    var _ = all(end("the node was closed"), ClusterArray::ended);
    membership.close();
    // what the end of the membership completes comes on it
    Loop.Timer _ = loop.after(LAST_TASKS, loop::close);
  }

  // for the arrays

  MemberSettings settings() {
    return settings;
  }

  PathPolicy paths() {
    return paths;
  }

  Env env() {
    return env;
  }

  Loop loop() {
    return loop;
  }

  Lockspace.Node lockspaces() {
    return new Lockspace.Node(membership.store(), loop, env, membership.standing());
  }

  /** Dead nodes are fenced there from now on. */
  void guard(ArrayFence fence) {
    fences.add(fence);
  }

  /** Not any more. */
  void unguard(ArrayFence fence) {
    fences.remove(fence);
  }

  /** What earlier incarnations of this node wrote too late. */
  LateWrites late() {
    return self.late();
  }

  /** In whose name the node has arrays in use. */
  ClusterPort.Claimant claimant() {
    ClaimOwner joined = owner.orElseThrow();
    return new ClusterPort.Claimant() {
      @Override
      public ClaimOwner owner() {
        return joined;
      }

      @Override
      public long epoch() {
        return epoch;
      }

      @Override
      public void overruled(String reason) {
        halt(reason);
      }
    };
  }

  /** From now on the array is halted with the node. */
  void add(ClusterArray array, ArrayFence fence) throws IOException {
    array.onStop(() -> {
      unguard(fence);
      remove(array);
    });
    synchronized (arrays) {
      if (ended.isPresent()) {
        throw new IOException(ended.get());
      }
      arrays.add(array);
    }
  }

  private void remove(ClusterArray array) {
    synchronized (arrays) {
      arrays.remove(array);
    }
  }

  /** This node cannot go on: its I/O ends at once, and it leaves as one that died. */
  void halt(String reason) {
    var _ = end(reason);
    membership.halt(reason);
  }

  /** No I/O from now on. */
  private List<ClusterArray> end(String reason) {
    gate.end(reason);
    List<ClusterArray> all;
    synchronized (arrays) {
      if (ended.isEmpty()) {
        ended = Optional.of(reason);
      }
      all = List.copyOf(arrays);
    }
    all.forEach(array -> array.halt(reason));
    return all;
  }

  private static CompletionStage<Void> all(
      List<ClusterArray> arrays, Function<ClusterArray, CompletableFuture<Void>> task) {
    return CompletableFuture.allOf(arrays.stream().map(task).toArray(CompletableFuture<?>[]::new));
  }

  /** What the membership tells; on the loop. */
  private final class Above implements MembershipListener {
    @Override
    public void nodeUp(Incarnation node, long told) {
      epoch = told;
      listener.nodeUp(node);
    }

    @Override
    public void nodeDown(Incarnation node, boolean clean, long told) {
      epoch = told;
      disksFirst.died(node); // also who left: the outcome of its last requests may not be known
      listener.nodeDown(node, clean);
    }

    @Override
    public CompletionStage<Void> holdIo(HoldCause cause) {
      listener.ioHeld(Optional.of(cause));
      return gate.hold();
    }

    /** I/O is held: none runs again before a disk that can refuses the dead. */
    @Override
    public CompletionStage<Void> cleanUpFirst(Set<Incarnation> dead, long told) {
      Map<Integer, Long> victims =
          dead.stream().collect(toImmutableMap(Incarnation::node, Incarnation::number, Math::max));
      fences.forEach(fence -> fence.fenceFirst(victims));
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> resumeIo() {
      gate.resume();
      listener.ioHeld(Optional.empty());
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> halted(HaltCode code, String text) {
      List<ClusterArray> all = end(text);
      listener.halted(text);
      return all(all, ClusterArray::ended).thenCombine(gate.drained(), (_, _) -> null);
    }
  }
}
