package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.LateEffects;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;

/** What a shared array asks of the other nodes. Called from the array's own threads, which wait. */
final class ArrayPort implements ClusterPort {
  private final int slot;
  private final Slots slots;
  private final Token token;
  private final Deaths deaths;
  private final Changes changes;
  private final Paths paths;
  private final ResyncTurns turns;
  private final Claimant claimant;
  private volatile Optional<LateEffects> late = Optional.empty();

  ArrayPort(
      int slot,
      Slots slots,
      Token token,
      Deaths deaths,
      Changes changes,
      Paths paths,
      ResyncTurns turns,
      Claimant claimant) {
    this.slot = slot;
    this.slots = slots;
    this.token = token;
    this.deaths = deaths;
    this.changes = changes;
    this.paths = paths;
    this.turns = turns;
    this.claimant = claimant;
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
  public boolean checksPaths() {
    return paths.areChecked();
  }

  @Override
  public void allFailed() {
    changes.allFailed();
  }

  @Override
  public void transact(SetChange change) throws IOException {
    changes.transact(change);
  }

  @Override
  public void exclusively(Work work) throws IOException {
    changes.exclusively(work);
  }

  @Override
  public Permit beginResync() throws IOException, InterruptedException {
    return turns.resync();
  }

  @Override
  public Permit beginRepair() throws IOException, InterruptedException {
    return turns.repair();
  }

  @Override
  public Optional<Claimant> claimant() {
    return Optional.of(claimant);
  }

  /** Before the array is assembled. */
  void late(LateEffects effects) {
    late = Optional.of(effects);
  }

  @Override
  public Optional<LateEffects> late() {
    return late;
  }
}
