package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.util.List;

/** The cluster of one: nobody to ask, nobody to wait for. */
final class SingleNode implements ClusterPort {

  @Override
  public int slot() {
    return 0;
  }

  @Override
  public void transact(SetChange change) throws IOException {
    change.hold();
    try {
      change.commit();
    } finally {
      change.resume();
    }
  }

  @Override
  public Permit beginResync() {
    return new Permit() {
      @Override
      public void announce(List<SectorRange> windows) {}

      @Override
      public void close() {}
    };
  }
}
