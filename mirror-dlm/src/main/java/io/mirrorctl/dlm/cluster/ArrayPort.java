package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ClusterPort;
import java.io.IOException;
import java.util.Set;

/** What a shared array asks of the other nodes. Called from the array's own threads, which wait. */
final class ArrayPort implements ClusterPort {
  private final int slot;
  private final Slots slots;
  private final Token token;
  private final Deaths deaths;
  private final Changes changes;
  private final ResyncTurns turns;

  ArrayPort(int slot, Slots slots, Token token, Deaths deaths, Changes changes, ResyncTurns turns) {
    this.slot = slot;
    this.slots = slots;
    this.token = token;
    this.deaths = deaths;
    this.changes = changes;
    this.turns = turns;
  }

  @Override
  public int slot() {
    return slot;
  }

  @Override
  public boolean isShared() {
    return true;
  }

  /** Without the token also of those who are about to have the array in use. */
  @Override
  public Set<Integer> otherSlots() {
    Set<Integer> known = token.known();
    return known != null ? known : slots.members();
  }

  @Override
  public long deaths() {
    return deaths.answer();
  }

  @Override
  public void transact(SetChange change) throws IOException {
    changes.transact(change);
  }

  @Override
  public Permit beginResync() throws IOException, InterruptedException {
    return turns.resync();
  }

  @Override
  public Permit beginRepair() throws IOException, InterruptedException {
    return turns.repair();
  }
}
