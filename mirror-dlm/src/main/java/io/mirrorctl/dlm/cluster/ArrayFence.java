package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.FencingDevice;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.Membership;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
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

  private final List<? extends FencingDevice> disks;
  private final Membership membership;
  private final Executor io;

  ArrayFence(List<? extends FencingDevice> disks, Membership membership, Executor io) {
    this.disks = List.copyOf(disks);
    this.membership = membership;
    this.io = io;
  }

  /**
   * From now on no request of the victim comes to a disk before one of this node's.
   *
   * @throws IOException naming the disks where that is not so yet
   */
  void fence(Incarnation victim) throws IOException {
    List<CompletableFuture<Void>> all =
        disks.stream()
            .map(disk -> CompletableFuture.runAsync(() -> fence(disk, victim), io))
            .toList();
    List<String> failures = new ArrayList<>();
    for (CompletableFuture<Void> one : all) {
      try {
        one.join();
      } catch (CompletionException e) {
        failures.add(e.getCause().getMessage());
      }
    }
    if (!failures.isEmpty()) {
      throw new IOException(String.join("; ", failures));
    }
  }

  private static void fence(FencingDevice disk, Incarnation victim) {
    try {
      switch (disk.fence(victim.node(), victim.number())) {
        case DONE -> LOG.info("{}: {} is fenced", disk.name(), victim);
        case BEFORE_USE ->
            LOG.warn("{}: is away; {} is fenced there before it is used", disk.name(), victim);
        case NOT_POSSIBLE -> {}
      }
    } catch (IOException e) {
      throw new CompletionException(e);
    }
  }

  /** The same for the node that left the slot behind, if it died: else it may have others. */
  void fence(SlotState.NeedsTakeover gone) throws IOException {
    for (int read = 0; read < READS; read++) {
      var _ = Await.done(membership.store().read(Ensemble.PATH), "asking who is there");
    }
    if (membership.standing().isGone(gone.incarnation())) {
      fence(new Incarnation(gone.node(), gone.incarnation()));
    }
  }
}
