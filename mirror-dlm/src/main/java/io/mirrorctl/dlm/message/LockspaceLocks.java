package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockTable;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.lock.Step;
import io.mirrorctl.dlm.lock.ValueBlock;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;

/** The locks of the exchange in a lockspace. */
final class LockspaceLocks implements ChannelLocks {
  private final Lockspace lockspace;
  private final Map<String, Lock> locks = new HashMap<>();

  LockspaceLocks(Lockspace lockspace) {
    this.lockspace = lockspace;
  }

  /**
   * To be called once, before anything else.
   *
   * @param ackWanted run when another node wants {@code ownAck} EX
   */
  void open(String ownAck, Runnable ackWanted) {
    locks.put(ownAck, lockspace.lock(ownAck, _ -> ackWanted.run()));
  }

  private Lock lock(String resource) {
    return locks.computeIfAbsent(resource, lockspace::lock);
  }

  @Override
  public int slot() {
    return lockspace.slot();
  }

  @Override
  public Set<Integer> members() {
    var members = new TreeSet<Integer>();
    List<SlotState> slots = lockspace.view().slots();
    for (int slot = 0; slot < slots.size(); slot++) {
      if (slots.get(slot) instanceof SlotState.Member) {
        members.add(slot);
      }
    }
    return members;
  }

  @Override
  public CompletableFuture<RunOutcome> run(List<Ask> asks) {
    return lockspace.run(
        asks.stream().map(ask -> new Step(lock(ask.resource()), ask.request())).toList());
  }

  @Override
  public CompletableFuture<ValueBlock> read(String resource) {
    CompletableFuture<ValueBlock> value = new CompletableFuture<>();
    // a read fails only when the lockspace is over, which its listener tells
    var _ = lock(resource).read().thenAccept(value::complete);
    return value;
  }

  @Override
  public void cancel(String resource) {
    lock(resource).cancel();
  }

  @Override
  public CompletableFuture<Set<Integer>> heldUpBy() {
    return lockspace.table().thenApply(this::heldUpBy);
  }

  private Set<Integer> heldUpBy(LockTable table) {
    var slots = new TreeSet<Integer>();
    for (LockTable.Resource resource : table.resources()) {
      if (resource.name().equals(MESSAGE) || resource.name().startsWith(ACK)) {
        for (LockTable.Waiting waiting : resource.waiting()) {
          if (waiting.owner().slot() == slot()) {
            waiting.behind().forEach(owner -> slots.add(owner.slot()));
          }
        }
      }
    }
    slots.remove(slot());
    return slots;
  }

  @Override
  public CompletableFuture<Void> release() {
    return CompletableFuture.allOf(
        locks.values().stream().map(Lock::unlock).toArray(CompletableFuture<?>[]::new));
  }
}
