package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.lock.ValueBlock;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Map.Entry;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/**
 * The locks of the array's slots: each is held PW by the node of the slot for as long as it is a
 * member, and its value block tells what that node does.
 *
 * <p>Threading: any thread but the loop's; methods that throw block.
 */
final class Slots implements Token.Others {
  private final Lockspace lockspace;
  private final Map<Integer, Lock> locks = new HashMap<>();
  private volatile Seen seen = new Seen(Map.of(), Set.of());

  /**
   * What the slots of other nodes tell.
   *
   * @param blocks of slots that somebody has
   * @param unknown slots of nodes that died: what they copied nobody can say
   */
  record Seen(Map<Integer, SlotBlock> blocks, Set<Integer> unknown) {
    /** The slots of nodes that have the array in use. */
    Set<Integer> active() {
      var active = new TreeSet<Integer>();
      blocks.forEach((slot, block) -> {
        if (block.active()) {
          active.add(slot);
        }
      });
      return active;
    }
  }

  Slots(Lockspace lockspace) {
    this.lockspace = lockspace;
  }

  private Lock lock(int slot) {
    synchronized (locks) {
      return locks.computeIfAbsent(slot, s -> lockspace.lock(SlotBlock.resource(s)));
    }
  }

  /** Slots that somebody else has, as far as this node knows at the moment. */
  Set<Integer> members() {
    var members = new TreeSet<Integer>();
    List<SlotState> slots = lockspace.view().slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slot != lockspace.slot() && slots.get(slot) instanceof SlotState.Member) {
        members.add(slot);
      }
    }
    return members;
  }

  /** Slots that wait for a takeover, with whose each was and the generation in which it began. */
  Map<Integer, SlotState.NeedsTakeover> waiting() {
    var waiting = new TreeMap<Integer, SlotState.NeedsTakeover>();
    List<SlotState> slots = lockspace.view().slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.NeedsTakeover gone) {
        waiting.put(slot, gone);
      }
    }
    return waiting;
  }

  @Override
  public Set<Integer> inUse() throws IOException {
    seen = read();
    return seen.active();
  }

  /** What this node read when it last got the token. */
  Seen seen() {
    return seen;
  }

  private Seen read() throws IOException {
    var slots = new TreeSet<>(members());
    Set<Integer> waiting = waiting().keySet();
    slots.addAll(waiting);
    var reads = new TreeMap<Integer, CompletableFuture<ValueBlock>>();
    for (int slot : slots) {
      reads.put(slot, lock(slot).read());
    }
    var blocks = new TreeMap<Integer, SlotBlock>();
    var unknown = new TreeSet<Integer>();
    for (Entry<Integer, CompletableFuture<ValueBlock>> read : reads.entrySet()) {
      int slot = read.getKey();
      ValueBlock value = Await.done(read.getValue(), "reading the lock of slot " + slot);
      if (!value.valid()) {
        unknown.add(slot);
      } else if (!waiting.contains(slot)) {
        blocks.put(slot, decode(slot, value));
      }
    }
    return new Seen(blocks, unknown);
  }

  private static SlotBlock decode(int slot, ValueBlock value) throws IOException {
    try {
      return SlotBlock.decode(value.content());
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "what the node of slot %d tells cannot be read (%s): it runs another version"
              .formatted(slot, e.getMessage()),
          e);
    }
  }

  /** Takes the lock of this node's slot; tells that it does not have the array in use yet. */
  void takeOwn() throws IOException {
    ask(LockRequest.to(LockMode.PW));
    tell(SlotBlock.EMPTY);
  }

  /** Tells what this node does. */
  void tell(SlotBlock block) throws IOException {
    ask(LockRequest.to(LockMode.PW).writing(block.encode()));
  }

  private void ask(LockRequest request) throws IOException {
    int own = lockspace.slot();
    String what = "the lock of slot " + own;
    LockOutcome outcome = Await.done(lock(own).convert(request), what);
    if (!(outcome instanceof LockOutcome.Granted)) {
      throw new IOException("%s was not granted: %s".formatted(what, outcome));
    }
  }
}
