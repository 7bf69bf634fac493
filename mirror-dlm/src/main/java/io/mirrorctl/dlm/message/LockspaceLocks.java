package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockTable;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.RunOutcome;
import io.mirrorctl.dlm.lock.Step;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** The three locks in a lockspace. */
final class LockspaceLocks implements ChannelLocks {
  private final Lockspace lockspace;
  private final Map<Resource, Lock> locks = new EnumMap<>(Resource.class);

  LockspaceLocks(Lockspace lockspace) {
    this.lockspace = lockspace;
  }

  /**
   * To be called once, before anything else.
   *
   * @param ackWanted run when another node wants {@code ack} EX
   */
  void open(Runnable ackWanted) {
    for (Resource resource : Resource.values()) {
      locks.put(
          resource,
          resource == Resource.ACK
              ? lockspace.lock(resource.text(), _ -> ackWanted.run())
              : lockspace.lock(resource.text()));
    }
  }

  @Override
  public int slot() {
    return lockspace.slot();
  }

  @Override
  public CompletableFuture<RunOutcome> run(List<Ask> asks) {
    return lockspace.run(
        asks.stream().map(ask -> new Step(locks.get(ask.resource()), ask.request())).toList());
  }

  @Override
  public void cancel(Resource resource) {
    locks.get(resource).cancel();
  }

  @Override
  public CompletableFuture<Set<Integer>> heldUpBy() {
    return lockspace.table().thenApply(this::heldUpBy);
  }

  private Set<Integer> heldUpBy(LockTable table) {
    var slots = new TreeSet<Integer>();
    for (LockTable.Resource resource : table.resources()) {
      if (Stream.of(Resource.MESSAGE, Resource.ACK)
          .anyMatch(of -> of.text().equals(resource.name()))) {
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
