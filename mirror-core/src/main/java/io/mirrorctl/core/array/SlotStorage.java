package io.mirrorctl.core.array;

import io.mirrorctl.core.bitmap.BitmapPage;
import io.mirrorctl.core.bitmap.BitmapStorage;
import io.mirrorctl.core.bitmap.WriteIntentBitmap;
import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapGeometry;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

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

  /** This node's own. */
  int slot() {
    return slot;
  }

  void geometry(BitmapGeometry next) {
    geometry = next;
  }

  @Override
  public void writePages(List<BitmapPage> pages) throws IOException {
    if (!inMemory) {
      writes.toReceivers(leg -> {
        Member member = leg.member();
        member.exclusively(() -> writePages(member, pages));
      });
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

  /**
   * Writes the first page to one member as it is at the moment, so that it makes no difference. To
   * be called {@link Member#exclusively exclusively}.
   */
  void writeFirstPage(Member member, WriteIntentBitmap bitmap) throws IOException {
    if (inMemory) {
      return;
    }
    ByteBuffer image = AlignedBuffers.shared().acquire(BitmapPage.BYTES);
    try {
      bitmap.copyFirstPage(image);
      writePages(member, List.of(new BitmapPage(0, image)));
    } finally {
      AlignedBuffers.shared().release(image);
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

  /**
   * Gives a member that begins to receive its copy of this node's slot, and of all others if asked.
   * I/O is held.
   *
   * @param inUse the slots of other nodes, which they write once more; empty if nothing else is to
   *     be written
   */
  void introduce(Member member, WriteIntentBitmap bitmap, Optional<Set<Integer>> inUse)
      throws IOException {
    BitmapHeader own = bitmap.header();
    BitmapArea area = area(member.superblock(), geometry, own.slots());
    if (inUse.isPresent()) {
      BitmapHeader vacant = own.toBuilder().events(0).eventsCleared(0).build();
      for (int number = 0; number < own.slots(); number++) {
        if (number == slot) {
          continue;
        }
        if (inUse.get().contains(number)) {
          copySlot(number, area, member);
        } else {
          EmptySlot.write(member.device(), area, number, vacant);
        }
      }
    }
    bitmap.copyTo((index, image) ->
        member.device().write(area.pageOffsetBytes(slot, index), image, WriteOption.NONE));
    member.flush();
  }

  /**
   * Another node's slot as an in-sync member has it. That node writes it anew when it hears of the
   * member, but one that is about to leave with bits set does nothing more than answer.
   */
  private void copySlot(int number, BitmapArea area, Member to) throws IOException {
    IOException failure = new DeviceException(IoFailure.OTHER, "no in-sync member to copy from");
    for (Leg leg : readable()) {
      try {
        copySlot(number, leg.member(), area, to);
        return;
      } catch (IOException e) {
        failure = e;
      }
    }
    throw failure;
  }

  private void copySlot(int number, Member from, BitmapArea area, Member to) throws IOException {
    BitmapArea source = area(from.superblock(), geometry, area.slots());
    ByteBuffer page = AlignedBuffers.shared().acquire(BitmapPage.BYTES);
    try {
      for (long index = 0; index < geometry.pages(); index++) {
        from.device().read(source.pageOffsetBytes(number, index), page.clear());
        to.device().write(area.pageOffsetBytes(number, index), page.flip(), WriteOption.NONE);
      }
    } finally {
      AlignedBuffers.shared().release(page);
    }
  }

  /**
   * Adds the bits of another node's slot, as every in-sync member has them, to the bitmap. A member
   * on which they cannot be read is failed, as only that one may have a bit.
   */
  void load(int other, WriteIntentBitmap bitmap) throws IOException {
    for (Leg leg : readable()) {
      try {
        Assembly.loadSlot(Candidate.read(leg.member().device()), other, bitmap);
      } catch (IOException e) {
        writes.lose(new Legs.Failure(leg, e));
        throw new DeviceException(
            DeviceException.kindOf(e),
            "bitmap slot %d cannot be read: %s".formatted(other, e.getMessage()),
            e);
      }
    }
  }

  /** In-sync members to which something is still sent. */
  private List<Leg> readable() {
    return membership.current().inSync().stream()
        .filter(leg -> !membership.isCondemned(leg.member()))
        .toList();
  }

  /**
   * Raises what this node's slot says of cleared bits to what any slot says: the slot that is
   * emptied next may be the only one that does (trap T9).
   */
  void keepEventsCleared(WriteIntentBitmap bitmap) throws IOException {
    long cleared = eventsClearedByOthers();
    if (cleared > bitmap.header().eventsCleared()) {
      bitmap.updateHeader(header ->
          header.toBuilder().eventsCleared(Math.max(cleared, header.eventsCleared())).build());
    }
  }

  /** The highest events_cleared of all slots of all in-sync members. */
  long eventsClearedByOthers() throws IOException {
    long cleared = 0;
    for (Leg leg : readable()) {
      for (BitmapHeaderRead read :
          Candidate.read(leg.member().device()).metadata().bitmapHeaders()) {
        if (read instanceof BitmapHeaderRead.Valid(BitmapHeader header)) {
          cleared = Math.max(cleared, header.eventsCleared());
        }
      }
    }
    return cleared;
  }

  /** Empties another node's slot on every receiving member, durably. */
  void clear(int other, BitmapHeader own) throws IOException {
    BitmapHeader empty = own.toBuilder().events(0).build();
    writes.toReceivers(leg -> {
      EmptySlot.write(
          leg.member().device(),
          area(leg.member().superblock(), geometry, own.slots()),
          other,
          empty);
      leg.member().flush();
    });
  }

  /** Where the slots are on a member. */
  static BitmapArea area(Superblock superblock, BitmapGeometry geometry, int slots) {
    return new BitmapArea(superblock.superOffset() + superblock.bitmapOffset(), geometry, slots);
  }
}
