package io.mirrorctl.dlm.store;

/**
 * What a session has cost so far.
 *
 * @param commits asked for, whatever became of them
 * @param reads of entries and of children, without repetitions after a lost connection
 * @param changes told by its watches
 */
public record StoreCounts(long commits, long reads, long changes) {
  public static final StoreCounts NONE = new StoreCounts(0, 0, 0);

  /** What has been added since an earlier count. */
  public StoreCounts since(StoreCounts earlier) {
    return new StoreCounts(
        commits - earlier.commits, reads - earlier.reads, changes - earlier.changes);
  }

  /** Both together. */
  public StoreCounts plus(StoreCounts other) {
    return new StoreCounts(commits + other.commits, reads + other.reads, changes + other.changes);
  }
}
