package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayIdentity;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.LateEffects;
import io.mirrorctl.core.array.LateRange;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.LeasedDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.resync.SyncThread;
import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.member.ClusterInfo;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.ChannelBinding;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.LockspaceChannel;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a node comes into an array (docs/protocols/array.md). Everything between the token and its
 * end happens while nobody changes, joins or leaves; what comes after, this node hears.
 */
final class ArrayJoin {
  private static final Logger LOG = LoggerFactory.getLogger(ArrayJoin.class);

  /** How nodes choose the member they read from; all must do it in the same way. */
  private static final String READ_POLICY = "clustered-1";

  /** As long as a member's time-out and five seconds. */
  static final Duration ANSWER_LIMIT = Duration.ofSeconds(35);

  private static final SectorRange EVERYTHING = new SectorRange(0, Long.MAX_VALUE);

  private static final Duration FULL_RETRY = Duration.ofMillis(500);
  private static final int FULL_RETRIES = 120;

  private final ClusterNode node;
  private final String name;
  private final List<LeasedDevice> devices;
  private final ArrayLease lease;
  private final ArrayOptions options;
  private final Coherence coherence;
  private final Deaths deaths = new Deaths();
  private final Paths paths;
  private final Arrivals arrivals;
  private final Inbox inbox;
  private final ArrayEvents events;
  private LockspaceChannel channel;
  private boolean assembling;
  private Optional<MirrorArray> assembled = Optional.empty();
  private Optional<ArrayFence> guarded = Optional.empty();

  /**
   * @param devices open; closed if this fails
   */
  ArrayJoin(
      ClusterNode node,
      String name,
      List<? extends BlockDevice> devices,
      ArrayLease lease,
      ArrayOptions options,
      Coherence coherence,
      DiskFinder finder) {
    this.node = node;
    this.name = name;
    this.lease = lease;
    this.options = options;
    this.coherence = coherence;
    this.paths = new Paths(node.paths(), node.env());
    this.arrivals = new Arrivals(name, lease, finder, node.env());
    this.devices = devices.stream().map(arrivals::leased).toList();
    this.inbox = new Inbox(paths, arrivals, node.env(), node::halt);
    this.events = new ArrayEvents(deaths, inbox);
  }

  /** Joins; returns when the array is assembled, though its I/O may have to wait. */
  ClusterArray run() throws IOException {
    boolean joined = false;
    try {
      ArrayIdentity identity = ArrayIdentity.read(devices);
      if (identity.kind() != BitmapKind.CLUSTERED) {
        throw new IOException(
            "%s: the array's bitmap is %s; only an array with a clustered one can be used by several nodes"
                .formatted(name, identity.kind().name().toLowerCase(Locale.ROOT)));
      }
      lease.about(identity.uuid(), claims());
      joinLockspace(identity);
      List<LateRange> late = node.late().of(identity.uuid());
      ClusterArray array = assemble(rangesOf(identity), late);
      node.late().settled(identity.uuid(), late);
      joined = true;
      return array;
    } finally {
      if (!joined) {
        giveUp();
      }
    }
  }

  /** Where the claims of each disk are. */
  private Map<String, SectorRange> claims() throws IOException {
    var places = new HashMap<String, SectorRange>();
    for (BlockDevice device : devices) {
      MemberMetadata.read(device)
          .claimArea()
          .ifPresent(area -> places.put(device.name(), area.range()));
    }
    return places;
  }

  private void giveUp() {
    guarded.ifPresent(node::unguard);
    assembled.ifPresent(ArrayJoin::abandon);
    for (BlockDevice device : devices) {
      try {
        device.close();
      } catch (IOException e) {
        // the reason of the failure is on its way
      }
    }
    inbox.close();
    if (channel != null) {
      leave();
    }
  }

  /** Waits for its end: this incarnation may join again. */
  private void leave() {
    try {
      Await.done(channel.channel().close(), "leaving the exchange of messages");
      var _ =
          Await.done(
              channel
                  .lockspace()
                  .leave(assembling ? Lockspace.Leaving.NEEDS_TAKEOVER : Lockspace.Leaving.CLEAN),
              "giving up the slot");
    } catch (IOException e) {
      LOG.warn("{}: {}", name, e.getMessage());
    }
  }

  private static void abandon(MirrorArray mirror) {
    mirror.control().halt("the node could not take it into use");
    try {
      mirror.close();
    } catch (IOException e) {
      // it is halted
    }
  }

  private void joinLockspace(ArrayIdentity identity) throws IOException {
    String lockspace = "md-" + identity.uuid();
    var settings =
        new LockspaceSettings(
            identity.slots(),
            Map.of(
                "array",
                identity.uuid().toString(),
                "minimum block size",
                Integer.toString(identity.unit()),
                "bitmap chunk",
                Long.toString(identity.chunkBytes()),
                "read policy",
                READ_POLICY,
                "coherent",
                rangesOf(identity)
                    .map(bytes -> "in ranges of %d MiB".formatted(bytes >> 20))
                    .orElse("no"),
                "I/O margin",
                node.settings().ioMargin().toMillis() + " ms"));
    for (int attempt = 1; channel == null; attempt++) {
      switch (join(lockspace, settings)) {
        case JoinOutcome.Joined _ -> {}
        case JoinOutcome.Full(int members, int needTakeover) -> {
          boolean mayChange = needTakeover > 0 || isSomebodyAway();
          if (!mayChange || attempt == FULL_RETRIES) {
            throw new IOException(
                "%s has %d slots, and none is free: %d nodes have it in use, %d slots wait for a takeover"
                    .formatted(name, identity.slots(), members, needTakeover));
          }
          rest();
        }
        case JoinOutcome.Mismatch(var parameter, var ours, var theirs) ->
            throw new IOException(
                "%s: %s is \"%s\" on this node and \"%s\" on those that have it in use"
                    .formatted(name, parameter, ours, theirs));
        case JoinOutcome.Halted(var reason) -> throw new IOException(name + ": " + reason);
      }
    }
  }

  /** Whether a node of the cluster is gone and not surely dead yet. */
  private boolean isSomebodyAway() throws IOException {
    ClusterInfo cluster = Await.done(node.membership().clusterInfo(), "asking who is there");
    for (Incarnation member : cluster.active()) {
      if (!Await.done(node.membership().isNodeUp(member.node()), "asking who is up")) {
        return true;
      }
    }
    return false;
  }

  private void rest() throws IOException {
    try {
      node.env().sleep(FULL_RETRY);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a slot of " + name + " is waited for");
    }
  }

  /** Bytes of a range that has a lock of its own, if there are such. */
  private Optional<Long> rangesOf(ArrayIdentity identity) {
    return switch (coherence) {
      case CLIENTS -> Optional.empty();
      case RANGE_LOCKS -> Optional.of(CoherentRanges.rangeBytes(identity.sizeBytes()));
    };
  }

  private JoinOutcome join(String lockspace, LockspaceSettings settings) throws IOException {
    var outcome = new CompletableFuture<JoinOutcome>();
    // on the loop, so that no callback comes before all is in place
    node.loop()
        .execute(() -> {
          var binding = new ChannelBinding(node.membership(), node.lockspaces(), events, inbox);
          var _ =
              binding
                  .join(lockspace, settings, ANSWER_LIMIT)
                  .whenComplete((result, failure) -> {
                    if (result instanceof JoinOutcome.Joined(var joined)) {
                      channel = binding.channel();
                      deaths.start(joined.view());
                    }
                    if (failure == null) {
                      outcome.complete(result);
                    } else {
                      outcome.completeExceptionally(failure);
                    }
                  });
        });
    return Await.done(outcome, "joining the nodes that have %s in use".formatted(name));
  }

  private ClusterArray assemble(Optional<Long> rangeBytes, List<LateRange> late)
      throws IOException {
    Lockspace lockspace = channel.lockspace();
    var slots = new Slots(lockspace);
    slots.takeOwn();
    var token = new Token(channel.channel(), slots);
    var changes = new Changes(token, inbox, paths, node.env(), node::halt);
    var turns = new ResyncTurns(lockspace, slots, channel.channel());
    var fence =
        new ArrayFence(devices, node.membership(), node.settings().maxNodes(), node.env().io());
    var takeover = new Takeover(lockspace, slots, token, changes, inbox, fence, node.env());
    var port =
        new ArrayPort(
            lockspace.slot(), slots, token, deaths, changes, paths, turns, node.claimant());
    guarded = Optional.of(fence);
    arrivals.fencedBy(fence);
    node.guard(fence);
    ClusterArray array;
    try (Token.Held held = token.join()) {
      Slots.Seen seen = slots.seen();
      fence.fenceAllGone();
      if (!late.isEmpty()) {
        port.late(LateEffects.of(late, devices));
        putRight(port, seen, held);
      }
      MirrorArray mirror = open(port, seen);
      slots.tell(new SlotBlock(true, List.of()));
      boolean alone = seen.active().isEmpty();
      if (alone) {
        takeover.freeAll();
      }
      changes.settleIfInterrupted(held);
      ArrayControl control = inbox.control().orElseThrow();
      var sync = new SyncThread(mirror, port, node.env());
      array =
          new ClusterArray(
              new ClusterArray.Parts(
                  mirror,
                  control,
                  port,
                  sync,
                  channel,
                  slots,
                  token,
                  changes,
                  turns,
                  takeover,
                  inbox,
                  arrivals,
                  rangeBytes.map(
                      bytes -> new CoherentRanges(lockspace, mirror.device()::sizeBytes, bytes))),
              node.settings().ioMargin(),
              node.env(),
              node::halt);
      node.add(array, fence);
      paths.listen(array::giveUp);
    }
    array.sync().start();
    events.begin(takeover);
    return array;
  }

  /**
   * What an earlier incarnation of this node wrote too late may lie over what the others have
   * written since about their slots and the set of members: they know better.
   */
  private void putRight(ArrayPort port, Slots.Seen seen, Token.Held held) throws IOException {
    boolean metadata = port.late().filter(LateEffects::metadata).isPresent();
    Optional<Integer> first = seen.active().stream().findFirst();
    if (!metadata || first.isEmpty()) {
      return;
    }
    if (held.interrupted()) { // nobody writes before that is settled, which the others do now
      throw new IOException(
          name + ": a change of the members is being put right after a death; try again");
    }
    Bits256 _ = held.send(new ClusterMessage.Rewrite(first.get()));
    LOG.warn("{}: the other nodes wrote once more what late writes may have changed", name);
  }

  /**
   * Assembles the array; what others copy, or may have been copying when they died, is suspended.
   */
  private MirrorArray open(ClusterPort port, Slots.Seen seen) throws IOException {
    assembling = true;
    MirrorArray mirror;
    try {
      mirror = MirrorArray.assemble(name, devices, options, port, node.env());
    } catch (ArrayException e) {
      assembling = e.reason() != ArrayException.Reason.PROTECTED; // refused: nothing was written
      throw e;
    }
    assembled = Optional.of(mirror);
    ArrayControl control = mirror.control();
    seen.blocks()
        .forEach((slot, block) -> {
          if (!block.windows().isEmpty()) {
            control.suspend(slot, block.windows());
          }
        });
    seen.unknown().forEach(slot -> control.suspend(slot, List.of(EVERYTHING)));
    inbox.open(control);
    return mirror;
  }
}
