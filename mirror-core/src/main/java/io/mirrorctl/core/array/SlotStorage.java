package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.BitmapPage;
import io.mirrorctl.core.bitmap.BitmapStorage;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
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
  private volatile boolean ownsAll;

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
    writes.flushReceivers();
  }

  @Override
  public OptionalLong clearableAtEvents() {
    MemberSet set = membership.current();
    return set.isComplete() && !membership.isUnsettled() && !writes.isDoubtful()
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

  /** From now on this node answers for the slots of all others too, which are empty. */
  void ownAllSlots() {
    ownsAll = true;
  }

  /**
   * Empties the slots of other nodes on members that are being filled, if this node answers for
   * them: what was there when a member joined means nothing.
   */
  void writeVacantSlots(BitmapHeader own) throws IOException {
    if (inMemory || !ownsAll || own.slots() == 1) {
      return;
    }
    BitmapHeader vacant = own.toBuilder().events(0).eventsCleared(0).build();
    writes.toReceivers(leg -> {
      if (leg.isRecovering()) {
        writeVacantSlots(leg.member(), vacant);
      }
    });
  }

  private void writeVacantSlots(Member member, BitmapHeader vacant) throws IOException {
    BitmapArea area = area(member.superblock(), geometry, vacant.slots());
    for (int number = 0; number < vacant.slots(); number++) {
      if (number != slot) {
        EmptySlot.write(member.device(), area, number, vacant);
      }
    }
    member.flush();
  }

  /** Where the slots are on a member. */
  static BitmapArea area(Superblock superblock, BitmapGeometry geometry, int slots) {
    return new BitmapArea(superblock.superOffset() + superblock.bitmapOffset(), geometry, slots);
  }
}
