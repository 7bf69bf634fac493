package io.mirrorctl.core.array;

import java.io.IOException;
import java.util.List;
import java.util.Set;

/** The cluster of one: nobody to ask, nobody to wait for. */
final class SingleNode implements ClusterPort {

  @Override
  public int slot() {
    return 0;
  }

  @Override
  public boolean isShared() {
    return false;
  }

  @Override
  public Set<Integer> otherSlots() {
    return Set.of();
  }

  @Override
  public long deaths() {
    return 0;
  }

  @Override
  public void transact(SetChange change) throws IOException {
    var _ = change.coming();
    if (change.isDone()) {
      return;
    }
    change.hold();
    try {
      var _ = change.commit();
    } finally {
      change.resume();
    }
  }

  @Override
  public void exclusively(Work work) throws IOException {
    work.run();
  }

  @Override
  public Permit beginRepair() {
    return beginResync(); // the range lock keeps them apart
  }

  @Override
  public Permit beginResync() {
    return new Permit() {
      @Override
      public void announce(List<Window> windows) {}

      @Override
      public long windowSectors() {
        return Long.MAX_VALUE;
      }

      @Override
      public boolean isWanted() {
        return false;
      }

      @Override
      public void close() {}
    };
  }
}
