package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.Mirror;
import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.Members;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.array.Patience;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.SyncThread;
import io.mirrorctl.dlm.lock.LeaveOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.message.LockspaceChannel;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An array that this node has in use together with other nodes, from {@link ClusterNode#assemble}.
 *
 * <p>A conductor: the engine is {@link MirrorArray}, what it asks of the cluster goes through a
 * {@link ClusterPort}, what the cluster asks of it through its {@link ArrayControl}.
 *
 * <p>Threading: any thread but callbacks of the cluster. When the node halts, the array does: its
 * requests fail, and it is of no use any more.
 */
public final class ClusterArray implements Mirror {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterArray.class);

  /** What keeps a node from stopping longer than that makes it leave as one that died. */
  private static final Duration STOP_LIMIT = Duration.ofMinutes(2);

  /** What an array is made of; see {@link ArrayJoin}. */
  record Parts(
      MirrorArray array,
      ArrayControl control,
      ClusterPort port,
      SyncThread sync,
      LockspaceChannel channel,
      Slots slots,
      Token token,
      Changes changes,
      ResyncTurns turns,
      Takeover takeover,
      Inbox inbox,
      Arrivals arrivals,
      Optional<CoherentRanges> ranges) {}

  private final Parts parts;
  private final ClientDevice device;
  private final Duration margin;
  private final Env env;
  private final Consumer<String> halt;
  private Runnable onStop = () -> {};
  private boolean stopped;
  private volatile Optional<String> halted = Optional.empty();
  private final CompletableFuture<PathLost> lost = new CompletableFuture<>();

  /**
   * @param margin how long the storage may take for a request after its node was given up
   * @param halt ends the node's part in the cluster at once
   */
  ClusterArray(Parts parts, Duration margin, Env env, Consumer<String> halt) {
    this.margin = margin;
    this.parts = parts;
    this.env = env;
    this.halt = halt;
    this.device = new ClientDevice(parts.array().device(), parts.ranges());
  }

  /** The name under which this node knows the array. */
  public String name() {
    return parts.array().name();
  }

  /** This node's slot. */
  public int slot() {
    return lockspace().slot();
  }

  @Override
  public MirrorArray array() {
    return parts.array();
  }

  @Override
  public SyncThread sync() {
    return parts.sync();
  }

  /** The array as clients of this node see it; closing it does nothing. */
  @Override
  public BlockDevice device() {
    return device;
  }

  /** The lockspace in which the nodes that have the array in use meet. */
  public Lockspace lockspace() {
    return parts.channel().lockspace();
  }

  /**
   * Adds a disk on all nodes, as {@link Members#add(BlockDevice, boolean, Patience)}.
   *
   * @param disk open for use with other nodes
   */
  public void add(BlockDevice disk, boolean force, Patience patience) throws IOException {
    parts.arrivals().admit(disk, leased -> members().add(leased, force, patience));
  }

  /**
   * Takes a disk back on all nodes, as {@link Members#reAdd(BlockDevice, Patience)}.
   *
   * @param disk open for use with other nodes
   */
  public void reAdd(BlockDevice disk, Patience patience) throws IOException {
    parts.arrivals().admit(disk, leased -> members().reAdd(leased, patience));
  }

  /**
   * Replaces a member on all nodes, as {@link Members#replace(String, BlockDevice, boolean,
   * Patience)}.
   *
   * @param with open for use with other nodes
   */
  public void replace(String old, BlockDevice with, boolean force, Patience patience)
      throws IOException {
    parts.arrivals().admit(with, leased -> members().replace(old, leased, force, patience));
  }

  private Members members() {
    return parts.array().members();
  }

  /**
   * Why the array is of no use any more, if it is: its node is no member of the cluster, or has
   * given the array up.
   */
  public Optional<String> halted() {
    return halted;
  }

  /** Why this node's last attempt to take over what a dead one left failed, if it did. */
  public Optional<String> takeoverTrouble() {
    return parts.takeover().trouble();
  }

  /**
   * Complete if this node has given the array up, as it does not reach a member that others do:
   * requests fail then, and it is still to be {@link #stop stopped}.
   */
  public CompletableFuture<PathLost> lost() {
    return lost.copy();
  }

  /**
   * Stops the array on this node: requests under way end, new ones fail, what is dirty is handed to
   * the other nodes.
   *
   * @throws IOException if the node halted before or meanwhile, or members failed; it is stopped
   *     all the same
   */
  public synchronized void stop() throws IOException {
    if (stopped) {
      return;
    }
    stopped = true;
    Future<?> limit =
        env.timer()
            .schedule(
                () ->
                    halt.accept(
                        name() + " could not be stopped in " + STOP_LIMIT.toSeconds() + " s"),
                STOP_LIMIT.toMillis(),
                TimeUnit.MILLISECONDS);
    try {
      if (lost.isDone()) {
        drop();
      } else {
        leave();
      }
    } finally {
      limit.cancel(false);
      parts.inbox().close();
      onStop.run();
    }
  }

  /** As {@link #stop}. */
  @Override
  public void close() throws IOException {
    stop();
  }

  private void leave() throws IOException {
    parts.ranges().ifPresent(ranges -> ranges.end(name() + " is stopped"));
    quiesce("is stopped");
    IOException failure;
    boolean clean;
    try (Token.Held held = parts.token().take()) {
      parts.changes().settleIfInterrupted(held);
      failure = closeArray();
      clean = failure == null && parts.array().status().dirtyChunks() == 0;
      parts.inbox().close();
      if (clean) { // else the slot counts as in use until it waits for its takeover
        parts.slots().tell(SlotBlock.EMPTY);
      }
    } finally {
      var _ = closeArray(); // if the token could not be had
    }
    LeaveOutcome outcome =
        leaveLockspace(clean ? Lockspace.Leaving.CLEAN : Lockspace.Leaving.NEEDS_TAKEOVER);
    LOG.info("{}: slot {} is given up, {}", name(), slot(), clean ? "clean" : "with bits set");
    if (failure != null) {
      throw failure;
    }
    checkLeft(outcome);
  }

  /** Requests of clients have ended, and so has all else that sets bits or copies. */
  private void quiesce(String reason) {
    device.drain(reason);
    parts.turns().stop();
    parts.sync().close();
    parts.takeover().stop(); // bits that came in later would be in nobody's slot
  }

  private LeaveOutcome leaveLockspace(Lockspace.Leaving how) throws IOException {
    Await.done(parts.channel().channel().close(), "leaving the exchange of messages");
    return Await.done(lockspace().leave(how), "giving up the slot");
  }

  private void checkLeft(LeaveOutcome outcome) throws IOException {
    if (!(outcome instanceof LeaveOutcome.Done)) {
      throw new IOException(
          "slot %d of %s was not given up: %s".formatted(slot(), name(), outcome));
    }
  }

  /**
   * This node does not use the array any more, and begins to stop it; all its I/O has ended when
   * this returns. By who has the token, or while its I/O is held for another node: so the others
   * can neither miss it nor wait for it.
   */
  void giveUp(Paths.Loss loss) {
    Optional<String> disk =
        loss.number()
            .flatMap(number ->
                parts.array().status().members().stream()
                    .filter(member -> member.devNumber() == number)
                    .map(ArrayStatus.MemberStatus::disk)
                    .findFirst());
    PathLost why =
        new PathLost(
            disk, loss.reachedBy().map(this::nodeOf).orElse(OptionalInt.empty()), loss.cause());
    String text = why.text(Integer::toString);
    LOG.warn("{}: given up, slot {}: {}", name(), slot(), text);
    if (halted.isEmpty()) {
      halted = Optional.of(text);
    }
    parts.control().halt("given up: " + text);
    parts.ranges().ifPresent(ranges -> ranges.end(name() + " is given up: " + text));
    Future<?> limit =
        env.timer()
            .schedule(
                () -> halt.accept(name() + ": member I/O does not return"),
                ArrayJoin.ANSWER_LIMIT.toMillis(),
                TimeUnit.MILLISECONDS);
    Set<Integer> _ = parts.control().hold(Set.of());
    limit.cancel(false);
    parts.inbox().close();
    lost.complete(why);
    env.io()
        .execute(() -> {
          try {
            stop();
          } catch (IOException e) {
            LOG.warn("{}: {}", name(), e.getMessage());
          }
        });
  }

  private OptionalInt nodeOf(int of) {
    return lockspace().view().slots().get(of) instanceof SlotState.Member member
        ? OptionalInt.of(member.node())
        : OptionalInt.empty();
  }

  /** Leaves the array as one that died would: others take over what is in the slot. */
  private void drop() throws IOException {
    quiesce("is given up: " + halted.orElseThrow());
    closeLogged();
    awaitMargin();
    checkLeft(leaveLockspace(Lockspace.Leaving.NEEDS_TAKEOVER));
  }

  /** Requests whose path broke may still be carried out: as long as after a lease. */
  private void awaitMargin() {
    try {
      env.sleep(margin);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void closeLogged() {
    IOException failure = closeArray();
    if (failure != null) {
      LOG.info("{}: {}", name(), failure.getMessage());
    }
  }

  private IOException closeArray() {
    try {
      parts.array().close();
      return null;
    } catch (IOException e) {
      return e;
    }
  }

  /** What the array asks of the cluster. */
  ClusterPort port() {
    return parts.port();
  }

  /** Runs when the array is stopped. */
  void onStop(Runnable task) {
    onStop = task;
  }

  /** All I/O fails from now on. */
  void halt(String reason) {
    if (halted.isEmpty()) {
      halted = Optional.of(reason);
    }
    parts.control().halt(reason);
    parts.inbox().halt();
    parts.turns().stop();
    parts.ranges().ifPresent(ranges -> ranges.end(reason));
  }

  /** After a halt; complete when all I/O has returned and the members are closed. */
  CompletableFuture<Void> ended() {
    return CompletableFuture.runAsync(
        () -> {
          parts.sync().close();
          closeLogged();
        },
        env.io());
  }
}
