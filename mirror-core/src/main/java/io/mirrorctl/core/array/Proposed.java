package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * What another node is about to do to the set of members: disks that are to come in, open here and
 * not in the set yet, and numbers that are to go. Threading: any thread.
 */
final class Proposed {
  private static final System.Logger LOG = System.getLogger(Proposed.class.getName());

  private final List<Member> coming = new ArrayList<>();
  private final Set<Integer> going = new HashSet<>();
  private boolean closed;

  /**
   * Takes a disk that is to become a member of the array.
   *
   * @param unit bytes of the array's smallest request
   * @throws IOException if it is another disk, does not fit, or cannot be read; it is still the
   *     caller's then
   */
  void attach(int number, UUID device, BlockDevice disk, MemberSet set, int unit)
      throws IOException {
    Candidate candidate = Candidate.read(disk);
    Superblock own = candidate.superblock();
    Superblock any = set.legs().getFirst().member().superblock();
    if (!own.setUuid().equals(any.setUuid()) || !own.deviceUuid().equals(device)) {
      throw ArrayException.failed(disk.name() + " is not the disk that was announced");
    }
    NewMember.checkRoom(disk, own.dataOffset(), set.sizeSectors(), unit);
    boolean taken =
        set.legs().stream().anyMatch(leg -> leg.member().devNumber() == number && leg.receives());
    if (taken) {
      throw ArrayException.failed("number %d is another member's here".formatted(number));
    }
    Member member = Assembly.member(candidate);
    member.superblock(own.toBuilder().devNumber(number).build());
    List<Member> left = new ArrayList<>();
    synchronized (this) {
      if (closed) {
        throw ArrayException.failed("the array is closed");
      }
      for (Member other : List.copyOf(coming)) { // announced before, and nothing came of it
        if (other.devNumber() == number || other.uuid().equals(device)) {
          coming.remove(other);
          left.add(other);
        }
      }
      coming.add(member);
    }
    close(left);
  }

  /** Whether this disk was attached with this number, and is in no set yet. */
  synchronized boolean has(int number, UUID device) {
    return coming.stream()
        .anyMatch(member -> member.devNumber() == number && member.uuid().equals(device));
  }

  synchronized ImmutableList<Member> coming() {
    return ImmutableList.copyOf(coming);
  }

  synchronized void leave(int number) {
    going.add(number);
  }

  synchronized boolean isGoing(int number) {
    return going.contains(number);
  }

  /** The change is made: what it did not bring about will not come. */
  void made(MemberSet set) {
    List<Member> left;
    synchronized (this) {
      coming.removeIf(member -> set.find(member).isPresent());
      left = drop();
    }
    close(left);
  }

  /** Nothing comes of it. */
  void withdrawn() {
    List<Member> left;
    synchronized (this) {
      left = drop();
    }
    close(left);
  }

  /** The array is closed: no disk is taken any more. */
  void close() {
    synchronized (this) {
      closed = true;
    }
    withdrawn();
  }

  /** Lock held. */
  private List<Member> drop() {
    List<Member> left = List.copyOf(coming);
    coming.clear();
    going.clear();
    return left;
  }

  private static void close(List<Member> members) {
    for (Member member : members) {
      try {
        member.close();
      } catch (IOException e) {
        LOG.log(Level.INFO, "closing {0}: {1}", member, e.getMessage());
      }
    }
  }
}
