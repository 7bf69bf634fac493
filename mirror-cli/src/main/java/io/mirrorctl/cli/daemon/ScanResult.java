package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Optional;

/**
 * What a scan came to.
 *
 * @param disks how many were looked at
 * @param arrays that were configured, or found
 * @param unreadable disks that could not be read, each with the reason
 */
public record ScanResult(int disks, List<Entry> arrays, List<String> unreadable) {

  public ScanResult {
    arrays = List.copyOf(arrays);
    unreadable = List.copyOf(unreadable);
  }

  /** What became of an array; its name is the word for it. */
  public enum Outcome {
    /** It is in use now. */
    ASSEMBLED,
    /** It was in use before. */
    RUNNING,
    /** It was to be in use, and is not. */
    FAILED,
    /** It is not for this node. */
    FOREIGN
  }

  /**
   * An array.
   *
   * @param name on this node, or in the superblocks if the node does not have it
   * @param uuid as mdadm prints it; empty if no disk of it was seen
   * @param reason why it is not in use
   */
  @JsonInclude(JsonInclude.Include.ALWAYS)
  public record Entry(
      String name, Optional<String> uuid, Outcome outcome, Optional<String> reason) {}

  /** Whether everything that was to be in use is. */
  public boolean complete() {
    return arrays.stream().noneMatch(array -> array.outcome() == Outcome.FAILED);
  }
}
