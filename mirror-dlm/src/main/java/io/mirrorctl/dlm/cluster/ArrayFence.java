package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.Membership;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the disks of one array refuse dead nodes, where they are on servers that can
 * (docs/protocols/fencing.md). Threading: any thread but the loop's; blocks.
 */
final class ArrayFence {
  private static final Logger LOG = LoggerFactory.getLogger(ArrayFence.class);

  /** After two reads in sequence this node's view is no older than what it had seen before. */
  private static final int READS = 2;

  private final List<FencingDevice> disks;
  private final Membership membership;
  private final int highestNode;
  private final Executor io;

  /**
   * @param highestNode the highest number that a node can have
   */
  ArrayFence(
      List<? extends FencingDevice> disks, Membership membership, int highestNode, Executor io) {
    this.highestNode = highestNode;
    this.disks = new CopyOnWriteArrayList<>(disks);
    this.membership = membership;
    this.io = io;
  }

  /**
   * A disk comes in: before it is used it refuses everybody whose life is over.
   *
   * @throws IOException if it does not yet
   */
  void admit(FencingDevice disk) throws IOException {
    disks.add(disk); // before it is told of the dead: who dies now is not missed
    boolean told = false;
    try {
      awaitView();
      fence(disk, allGone(), "who is not in the cluster");
      told = true;
    } catch (CompletionException e) {
      throw new IOException(e.getCause().getMessage(), e.getCause());
    } finally {
      if (!told) {
        dismiss(disk);
      }
    }
  }

  /** A disk has not come in after all. */
  void dismiss(FencingDevice disk) {
    disks.remove(disk);
  }

  /**
   * From now on no request of the victim comes to a disk before one of this node's.
   *
   * @throws IOException naming the disks where that is not so yet
   */
  void fence(Incarnation victim) throws IOException {
    fence(Map.of(victim.node(), victim.number()), victim.toString());
  }

  /** The same at once: what this node asks of a disk from now on waits for it. */
  void fenceFirst(Map<Integer, Long> victims) {
    disks.forEach(disk -> disk.fenceFirst(victims));
  }

  /** The same for the node that left the slot behind, if it died: else it may have others. */
  void fence(SlotState.NeedsTakeover gone) throws IOException {
    awaitView();
    boolean isMember =
        Await.done(membership.clusterInfo(), "asking who is there").active().stream()
            .anyMatch(member -> member.number() == gone.incarnation());
    if (!isMember) {
      fence(new Incarnation(gone.node(), gone.incarnation()));
    }
  }

  /**
   * The same for every life of a node that is over: a disk may have been away when it was, and the
   * node that owed it the fence may have gone since.
   */
  void fenceAllGone() throws IOException {
    awaitView();
    fence(allGone(), "who is not in the cluster");
  }

  private Map<Integer, Long> allGone() throws IOException {
    Standing standing = membership.standing();
    long next = standing.nextIncarnation();
    var gone = new TreeMap<Integer, Long>();
    for (int node = 1; node <= highestNode; node++) {
      gone.put(node, next - 1);
    }
    for (Incarnation member :
        Await.done(membership.clusterInfo(), "asking who is there").active()) {
      gone.merge(member.node(), member.number() - 1, Math::min);
    }
    gone.merge(standing.node(), standing.incarnation() - 1, Math::min);
    gone.values().removeIf(incarnation -> incarnation < 0);
    return gone;
  }

  private void fence(Map<Integer, Long> victims, String who) throws IOException {
    List<CompletableFuture<Void>> all =
        disks.stream()
            .map(disk -> CompletableFuture.runAsync(() -> fence(disk, victims, who), io))
            .toList();
    List<String> failures = new ArrayList<>();
    for (CompletableFuture<Void> one : all) {
      try {
        Void _ = Await.done(one, "fencing " + who);
      } catch (IOException e) {
        failures.add(e.getMessage());
      }
    }
    if (!failures.isEmpty()) {
      throw new IOException(String.join("; ", failures));
    }
  }

  private static void fence(FencingDevice disk, Map<Integer, Long> victims, String who) {
    try {
      switch (disk.fence(victims)) {
        case DONE -> LOG.info("{}: {} is fenced", disk.name(), who);
        case BEFORE_USE ->
            LOG.warn("{}: is away; {} is fenced there before it is used", disk.name(), who);
        case NOT_POSSIBLE -> {}
      }
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  private void awaitView() throws IOException {
    for (int read = 0; read < READS; read++) {
      var _ = Await.done(membership.store().read(Ensemble.PATH), "asking who is there");
    }
  }
}
