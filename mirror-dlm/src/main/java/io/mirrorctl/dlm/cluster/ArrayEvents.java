package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.lock.LockspaceListener;
import java.util.Optional;

/** What the array's lockspace tells of who comes and goes; on the loop. */
final class ArrayEvents implements LockspaceListener {
  private final Deaths deaths;
  private final Inbox inbox;
  private volatile Optional<Takeover> takeover = Optional.empty();

  ArrayEvents(Deaths deaths, Inbox inbox) {
    this.deaths = deaths;
    this.inbox = inbox;
  }

  /** From now on this node takes part in takeovers. */
  void begin(Takeover begun) {
    takeover = Optional.of(begun);
    begun.start();
  }

  @Override
  public void prep(long generation) {
    deaths.prep();
  }

  @Override
  public void slot(int slot, int node, long generation) {
    deaths.began(slot);
  }

  @Override
  public void done(long generation) {
    deaths.done();
    takeover.ifPresent(Takeover::start);
  }

  @Override
  public void left(int slot, int node, boolean needsTakeover, long generation) {
    if (needsTakeover) {
      deaths.began(slot);
      takeover.ifPresent(Takeover::start);
    } else {
      inbox.forget(slot);
    }
  }

  @Override
  public void freed(int slot, long generation) {
    deaths.freed(slot);
    inbox.forget(slot);
  }
}
