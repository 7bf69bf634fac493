package io.mirrorctl.cli.daemon;

import static com.google.common.base.Preconditions.checkArgument;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * An array that a node is configured to have in use.
 *
 * @param name under which the node is to know it
 * @param disks its members by name; or else
 * @param uuid the array, whose members are to be found among the configured disks
 * @param run start it although members are missing
 * @param readOnly write nothing at all to its disks
 * @param coherent order the requests of different nodes
 */
public record WantedArray(
    String name,
    List<String> disks,
    Optional<UUID> uuid,
    boolean run,
    boolean readOnly,
    boolean coherent) {

  public WantedArray {
    ArrayNames.check(name);
    disks = List.copyOf(disks);
    checkArgument(
        disks.isEmpty() == uuid.isPresent(), "array %s needs either its disks or its uuid", name);
  }

  /**
   * Checks a name.
   *
   * @throws IllegalArgumentException if an array cannot have it
   */
  public static void checkName(String name) {
    ArrayNames.check(name);
  }

  /** The request that assembles it from these disks. */
  NodeRequest.Assemble from(List<String> members) {
    return new NodeRequest.Assemble(name, members, run, readOnly, false, coherent);
  }
}
