package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
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
   * @throws IOException if it is another disk, or cannot be read; it is still the caller's then
   */
  void attach(int number, UUID device, BlockDevice disk, MemberSet set) throws IOException {
    Candidate candidate = Candidate.read(disk);
    Superblock own = candidate.superblock();
    Superblock any = set.legs().getFirst().member().superblock();
    if (!own.setUuid().equals(any.setUuid()) || !own.deviceUuid().equals(device)) {
      throw ArrayException.failed(disk.name() + " is not the disk that was announced");
    }
    boolean taken =
        set.legs().stream().anyMatch(leg -> leg.member().devNumber() == number && !leg.isFaulty());
    if (taken) {
      throw ArrayException.failed("number %d is another member's here".formatted(number));
    }
    Member member = Assembly.member(candidate);
    member.superblock(own.toBuilder().devNumber(number).build());
    synchronized (this) {
      if (closed) {
        throw ArrayException.failed("the array is closed");
      }
      coming.add(member);
    }
  }

  /** A disk that was attached and is in no set yet. */
  synchronized Optional<Member> find(UUID device) {
    return coming.stream().filter(member -> member.uuid().equals(device)).findFirst();
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
