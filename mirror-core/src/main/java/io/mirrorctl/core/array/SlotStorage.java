package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.BitmapPage;
import io.mirrorctl.core.bitmap.BitmapStorage;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;

/**
 * One slot's bitmap area on the members: every page goes to all members that receive writes, and is
 * durable on those that remain when the call returns. An array without a bitmap, and one that is
 * only read, keeps its bits in memory.
 */
final class SlotStorage implements BitmapStorage {
  private final MemberWrites writes;
  private final Membership membership;
  private final int slot;
  private final boolean inMemory;
  private volatile BitmapGeometry geometry;

  SlotStorage(
      MemberWrites writes,
      Membership membership,
      int slot,
      BitmapGeometry geometry,
      boolean inMemory) {
    this.writes = writes;
    this.membership = membership;
    this.slot = slot;
    this.geometry = geometry;
    this.inMemory = inMemory;
  }

  void geometry(BitmapGeometry next) {
    geometry = next;
  }

  @Override
  public void writePages(List<BitmapPage> pages) throws IOException {
    if (!inMemory) {
      writes.toReceivers(leg -> writePages(leg.member(), pages));
    }
  }

  @Override
  public void flushMembers() throws IOException {
    writes.toReceivers(leg -> leg.member().flush());
  }

  @Override
  public OptionalLong clearableAtEvents() {
    MemberSet set = membership.current();
    return set.isComplete() && !membership.isUnsettled()
        ? OptionalLong.of(set.events())
        : OptionalLong.empty();
  }

  private void writePages(Member member, List<BitmapPage> pages) throws IOException {
    BitmapArea area = area(member.superblock(), geometry, slot + 1);
    boolean single = pages.size() == 1;
    for (BitmapPage page : pages) {
      member
          .device()
          .write(
              area.pageOffsetBytes(slot, page.index()),
              page.image().duplicate(),
              single ? WriteOption.ONLY_DURABLE : WriteOption.NONE);
    }
    if (!single) {
      member.flush();
    }
  }

  /** Where the slots are on a member. */
  static BitmapArea area(Superblock superblock, BitmapGeometry geometry, int slots) {
    return new BitmapArea(superblock.superOffset() + superblock.bitmapOffset(), geometry, slots);
  }
}
