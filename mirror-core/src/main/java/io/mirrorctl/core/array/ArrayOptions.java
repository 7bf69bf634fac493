package io.mirrorctl.core.array;

import java.util.Optional;

/**
 * How an array is assembled and run.
 *
 * @param readOnly write nothing at all, neither data nor metadata
 * @param run start although members are missing that the freshest superblock expects
 * @param force take a clustered array for this node alone; other nodes must not have it. On a
 *     shared array: take it although the members tell that somebody else has it, if that one gives
 *     no sign of life
 * @param readPolicy which member reads go to
 * @param maxReadErrors a member with more read errors than that, since assembly, is failed
 * @param claimedBy the name of the node as the members of a clustered array are to tell it to
 *     others while this node has the array for itself; then the array is refused, in spite of
 *     force, while others tell that they have it. Empty: they tell nothing, and nobody is asked. A
 *     shared array has it from its {@link ClusterPort}
 */
public record ArrayOptions(
    boolean readOnly,
    boolean run,
    boolean force,
    ReadPolicy readPolicy,
    int maxReadErrors,
    Optional<String> claimedBy) {

  /** Read and write, complete arrays only. 20 read errors: md's own limit. */
  public static final ArrayOptions DEFAULT =
      new ArrayOptions(false, false, false, ReadPolicy.LOCAL, 20, Optional.empty());

  public ArrayOptions withReadOnly(boolean value) {
    return new ArrayOptions(value, run, force, readPolicy, maxReadErrors, claimedBy);
  }

  public ArrayOptions withRun(boolean value) {
    return new ArrayOptions(readOnly, value, force, readPolicy, maxReadErrors, claimedBy);
  }

  public ArrayOptions withForce(boolean value) {
    return new ArrayOptions(readOnly, run, value, readPolicy, maxReadErrors, claimedBy);
  }

  public ArrayOptions withReadPolicy(ReadPolicy value) {
    return new ArrayOptions(readOnly, run, force, value, maxReadErrors, claimedBy);
  }

  public ArrayOptions withMaxReadErrors(int value) {
    return new ArrayOptions(readOnly, run, force, readPolicy, value, claimedBy);
  }

  public ArrayOptions claimedBy(String node) {
    return new ArrayOptions(readOnly, run, force, readPolicy, maxReadErrors, Optional.of(node));
  }
}
