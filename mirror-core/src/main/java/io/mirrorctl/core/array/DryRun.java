package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import java.io.IOException;
import java.util.Optional;

/**
 * Looks whether a change of an array's members would be refused as things are, and why, by the
 * checks that the change itself makes first. Nothing is written, and other nodes that have the
 * array in use are not asked. Each method throws what the method of that name in {@link Members}
 * would.
 *
 * <p>Threading: any thread; disks are read.
 */
public final class DryRun {
  private final Members members;
  private final NewMember newMember;
  private final Membership membership;
  private final MirrorArray array;

  DryRun(Members members, NewMember newMember, Membership membership, MirrorArray array) {
    this.members = members;
    this.newMember = newMember;
    this.membership = membership;
    this.array = array;
  }

  /** How a disk would come into the array. */
  public enum Entry {
    /** As a new disk: it is overwritten. */
    NEW,
    /** As the member it was: what changed since is copied. */
    KNOWN_TO_BITMAP,
    /** As the member it was: everything is copied. */
    FILLED_ANEW
  }

  /** See {@link Members#add(BlockDevice, boolean)}. */
  public Entry add(BlockDevice device, boolean force) throws IOException {
    if (!force && members.formerMember(device).isPresent()) {
      return reAdd(device);
    }
    checkNew(device, force);
    return Entry.NEW;
  }

  private void checkNew(BlockDevice device, boolean force) throws IOException {
    array.checkWritable();
    members.checkUnknown(device);
    newMember.check(device, force);
    newMember.checkRoom(device);
  }

  /** See {@link Members#reAdd(BlockDevice)}. */
  public Entry reAdd(BlockDevice device) throws IOException {
    array.checkWritable();
    members.checkUnknown(device);
    Optional<Candidate> former = members.formerMember(device);
    if (former.isEmpty()) {
      throw ArrayException.failed(device.name() + " was never a member of this array; use add");
    }
    int _ = members.checkReturn(former.get(), null);
    newMember.checkRoom(device);
    return entry(former.get());
  }

  /** See {@link Members#reAdd(String)}. */
  public Entry reAdd(String disk) throws IOException {
    array.checkWritable();
    Leg leg = members.findFaulty(disk);
    Candidate candidate = Candidate.read(leg.member().device());
    int _ = members.checkReturn(candidate, leg.member());
    return entry(candidate);
  }

  private Entry entry(Candidate former) throws IOException {
    return newMember.isKnownToBitmap(former) ? Entry.KNOWN_TO_BITMAP : Entry.FILLED_ANEW;
  }

  /** See {@link Members#replace(String, BlockDevice, boolean)}. */
  public void replace(String oldDisk, BlockDevice device, boolean force) throws IOException {
    Leg old = members.find(oldDisk);
    Members.checkReplaceable(old, oldDisk);
    Members.checkNotBeingReplaced(membership.current(), old);
    checkNew(device, force);
  }

  /** See {@link Members#replaceWithSpare}. */
  public void replaceWithSpare(String oldDisk, String spare) throws IOException {
    array.checkWritable();
    Leg old = members.find(oldDisk);
    Members.checkReplaceable(old, oldDisk);
    var _ = Members.replacing(membership.current(), old, members.find(spare).member());
  }

  /** See {@link Members#remove}. */
  public void remove(String disk) throws IOException {
    array.checkWritable();
    var _ = Members.without(membership.current(), members.find(disk));
  }

  /** See {@link Members#growMembers}. */
  public void growMembers(int count) throws IOException {
    array.checkWritable();
    Members.checkCount(count);
    var _ = Members.withRaidDisks(membership.current(), count);
  }

  /** See {@link Members#growSize}. */
  public void growSize(long sectors, boolean force) throws IOException {
    array.checkWritable();
    var _ = members.checkSize(membership.current(), sectors, force);
  }
}
