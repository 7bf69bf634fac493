package io.mirrorctl.core.array;

/**
 * How an array is assembled and run.
 *
 * @param readOnly write nothing at all, neither data nor metadata
 * @param run start although members are missing that the freshest superblock expects
 * @param force take a clustered array for this node alone; other nodes must not have it
 * @param readPolicy which member reads go to
 * @param maxReadErrors a member with more read errors than that, since assembly, is failed
 */
public record ArrayOptions(
    boolean readOnly, boolean run, boolean force, ReadPolicy readPolicy, int maxReadErrors) {

  /** Read and write, complete arrays only. 20 read errors: md's own limit. */
  public static final ArrayOptions DEFAULT =
      new ArrayOptions(false, false, false, ReadPolicy.LOCAL, 20);

  public ArrayOptions withReadOnly(boolean value) {
    return new ArrayOptions(value, run, force, readPolicy, maxReadErrors);
  }

  public ArrayOptions withRun(boolean value) {
    return new ArrayOptions(readOnly, value, force, readPolicy, maxReadErrors);
  }

  public ArrayOptions withForce(boolean value) {
    return new ArrayOptions(readOnly, run, value, readPolicy, maxReadErrors);
  }

  public ArrayOptions withReadPolicy(ReadPolicy value) {
    return new ArrayOptions(readOnly, run, force, value, maxReadErrors);
  }

  public ArrayOptions withMaxReadErrors(int value) {
    return new ArrayOptions(readOnly, run, force, readPolicy, value);
  }
}
