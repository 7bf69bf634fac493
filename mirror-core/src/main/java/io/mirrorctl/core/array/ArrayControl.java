package io.mirrorctl.core.array;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * What the cluster asks of an array on this node, mostly because another node said so.
 *
 * <p>Threading: {@link #halt} from any thread at any time; the others one at a time, in the order
 * in which the messages came that ask for them. All may block; all but {@link #adopt} on this
 * node's own I/O only.
 */
public interface ArrayControl {

  /**
   * Whether this node has the disk that is about to come in, or to receive again, as a member of
   * this number; it reaches it then.
   *
   * @throws IOException if it has it and cannot follow, saying why
   */
  boolean reach(int number, UUID device) throws IOException;

  /**
   * Another node is about to make this disk a member; it is one here when {@link #settle} finds
   * that it was made one. It belongs to the array when this returns.
   *
   * @param disk open
   * @throws IOException if it is not that disk
   */
  void attach(int number, UUID device, BlockDevice disk) throws IOException;

  /**
   * Another node is about to take this member out of the array: {@link #settle} lets go of it.
   *
   * @throws IOException if it is in use here
   */
  void letGo(int number) throws IOException;

  /** What was said by {@link #attach} and {@link #letGo} does not happen. */
  void withdraw();

  /**
   * Tries the way to a member from here, by reading its superblock and writing the first page of
   * this node's own slot once more as it is. Also while I/O is held; from any thread, and returns
   * when the I/O has.
   *
   * @throws IOException if that fails, or the member has failed
   */
  void probe(int number) throws IOException;

  /** Numbers of the members that receive writes, those that have failed for all left out. */
  Set<Integer> receiving();

  /**
   * Another node is about to change the set of members: no member I/O begins from now on; returns
   * when none is in flight.
   *
   * @param failing numbers of members that are being failed: nothing more is sent to them
   * @return numbers of further members that fail on this node
   */
  Set<Integer> hold(Set<Integer> failing);

  /**
   * The change is durable: reads the superblocks and goes by them, and makes this node's slot
   * durable on members that are new in the set.
   *
   * @param events what the superblocks show
   * @throws IOException if this node cannot follow: it has to stop using the array
   */
  void settle(long events) throws IOException;

  /** The change is made everywhere: I/O goes on, unless something else holds it. */
  void resume();

  /**
   * After a node died in the middle of a change, between hold and resume on all nodes: reads all
   * superblocks, and makes what the freshest says durable on all members with higher events.
   */
  ClusterPort.Committed agree() throws IOException;

  /**
   * The node of this slot copies these ranges from now on, in place of those it copied before, if
   * any: no write begins there. Returns when none is in flight.
   */
  void suspend(int slot, List<SectorRange> windows);

  /**
   * Takes over the bits of a slot whose node can write no more: they are durable in this node's own
   * slot before they are cleared there (decision D8), and their chunks are needed. May be called
   * beside the others, and waits while a change of the members is under way.
   */
  void adopt(int slot) throws IOException;

  /**
   * Something older may have been written over what the members tell: makes this node's own slot
   * durable on all of them once more.
   *
   * @param superblocks the slot whose node writes the superblocks, too, as they are. Nobody changes
   *     the set of members meanwhile
   * @throws IOException if that is not possible: this node has to stop using the array
   */
  void rewrite(int superblocks) throws IOException;

  /**
   * This node's part in the array is over: requests in flight and to come fail, nothing more is
   * written. Returns at once; the array is still to be closed.
   */
  void halt(String reason);
}
