package io.mirrorctl.core.array;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.ClaimOwner;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * What an array asks of the cluster it belongs to. An array that one node has for itself uses
 * {@link #singleNode} and knows no difference.
 *
 * <p>Threading: any thread but the cluster's own. Methods that throw may block.
 */
public interface ClusterPort {

  /** The number of this node's own bitmap slot. */
  int slot();

  /** Whether other nodes may have the array too: then its metadata is changed only by agreement. */
  boolean isShared();

  /**
   * The slots of the other nodes that have the array in use, or none. What it says stays true while
   * the array is being assembled and inside {@link SetChange#commit}, as nobody can join then.
   */
  Set<Integer> otherSlots();

  /**
   * How often a slot has begun to wait for a takeover; negative while one waits. What was copied
   * between two equal answers was copied while nobody died.
   */
  long deaths();

  /**
   * Whether a member that fails here is looked at before it is failed for all: only the path to it
   * may be lost. Then it is among {@link SetChange#suspects} until it is {@link SetChange#confirm
   * confirmed}.
   */
  default boolean checksPaths() {
    return false;
  }

  /**
   * No in-sync member could do what a client asked. Nobody is failed for that, but this node may
   * have lost its paths. Returns at once.
   */
  default void allFailed() {}

  /**
   * Makes a change of the set of members on every node (decision D6). When no other node can make
   * one: ends at once if the change says that it {@link SetChange#isDone is done}; else all nodes
   * stop starting member I/O and drain what is in flight, {@link SetChange#commit} runs here, all
   * nodes read what it wrote, and I/O runs again.
   *
   * @throws IOException if the change was not begun, or {@link SetChange#commit} threw: this node's
   *     part in the array is over then
   */
  void transact(SetChange change) throws IOException;

  /** Runs it while no other node changes the set of members, comes or goes. */
  void exclusively(Work work) throws IOException;

  /** Waits until this node is the only one that copies data; released by closing. */
  Permit beginResync() throws IOException, InterruptedException;

  /**
   * The same for something short that a client waits for: whoever has the permit for a resync sees
   * it {@link Permit#isWanted wanted}.
   */
  Permit beginRepair() throws IOException, InterruptedException;

  /**
   * In whose name a clustered array is taken into use, as its members are told; empty if they are
   * told nothing.
   */
  default Optional<Claimant> claimant() {
    return Optional.empty();
  }

  /**
   * What this node's earlier incarnations may have written to the array when others did not expect
   * it any more; asked while the array is being assembled.
   */
  default Optional<LateEffects> late() {
    return Optional.empty();
  }

  /** Whose claim on the members is kept up while the array is in use. */
  interface Claimant {
    /** The same as long as the array is in use. */
    ClaimOwner owner();

    /** Of the owner's view of its cluster, now. */
    long epoch();

    /**
     * Somebody who is not in the same cluster has the array too: this node's part in it is over.
     * Must not block.
     */
    void overruled(String reason);
  }

  /** This node's part of a change. Called by one thread. */
  interface SetChange {
    /** Whether there is nothing left to do, as another node has done it. */
    boolean isDone();

    /** What the superblocks will at least show when it is made. */
    long events();

    /** Numbers of the members that the change takes out because they failed. */
    Set<Integer> failing();

    /**
     * Numbers of those that failed on this node and may be well on others, if the port {@link
     * ClusterPort#checksPaths checks} that. None is left when the change is made.
     */
    Set<Integer> suspects();

    /** These failed for all. */
    void confirm(Set<Integer> numbers);

    /**
     * Members that begin to receive by it, or come in: before anything is held, every node is asked
     * whether it reaches them. None if the change turns out not to be possible: it is done then.
     */
    List<Coming> coming();

    /** Numbers of members that every node lets go of by it; a node may refuse. */
    Set<Integer> going();

    /** A node says no: nothing is changed, and the caller is told why. */
    void refused(int slot, String reason);

    /** A node has not found the disk of a member that comes in; else as {@link #refused}. */
    void unseen(int slot);

    /** Stops this node's member I/O; returns when none is in flight. */
    void hold();

    /** Other nodes have found these members failing too; told between hold and commit. */
    void alsoFailing(Set<Integer> numbers);

    /**
     * Makes the change durable on the members and takes it into use on this node. If the change is
     * not possible the set that was is made durable once more, with higher events, and the reason
     * is kept for its caller.
     *
     * @throws IOException if the superblocks of the members cannot be made to agree
     */
    Committed commit() throws IOException;

    /** Lets this node's I/O run again; called also if the change failed. */
    void resume();
  }

  /**
   * A member that every node has to reach before a change is made.
   *
   * @param device its UUID
   * @param disk under what name this node knows it
   */
  record Coming(int number, UUID device, String disk) {}

  /** Something that other nodes must not interfere with. */
  @FunctionalInterface
  interface Work {
    void run() throws IOException;
  }

  /**
   * What the superblocks of all members in use show.
   *
   * @param source number of a member that has it
   */
  record Committed(long events, int source) {}

  /**
   * Where data is copied.
   *
   * @param parts rising and apart from each other; one at least, none empty
   */
  record Window(List<SectorRange> parts) {
    public Window {
      parts = List.copyOf(parts);
      checkArgument(!parts.isEmpty(), "a window of nothing");
      long end = -1;
      for (SectorRange part : parts) {
        checkArgument(!part.isEmpty() && part.start() > end, "%s is no window", parts);
        end = part.end();
      }
    }

    /** All of a range. */
    public static Window of(SectorRange range) {
      return new Window(List.of(range));
    }

    /** From the first sector that is copied to the last. */
    public SectorRange range() {
      return new SectorRange(parts.getFirst().start(), parts.getLast().end());
    }

    /** Whether all of the range is in one of the parts. */
    public boolean holds(SectorRange range) {
      return parts.stream().anyMatch(part -> part.contains(range));
    }
  }

  /** The right to copy data between members. */
  interface Permit extends AutoCloseable {
    /**
     * Tells all nodes which windows are copied from now on, in place of those told before; returns
     * when no other node writes in their parts. By one thread at a time.
     *
     * @param windows at most two, not overlapping; of two the first is one that was told before
     * @throws IOException if perhaps not all nodes know: nothing may be copied that they were not
     *     told before
     */
    void announce(List<Window> windows) throws IOException;

    /** Sectors, about, that a window should span at most. */
    long windowSectors();

    /**
     * Whether a repair on any node waits for it: a resync closes it soon, and asks for it again.
     */
    boolean isWanted();

    @Override
    void close();
  }

  /** The port of a node that shares its array with nobody. */
  static ClusterPort singleNode() {
    return new SingleNode();
  }
}
