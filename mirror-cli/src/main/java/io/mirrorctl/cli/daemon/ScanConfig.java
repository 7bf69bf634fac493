package io.mirrorctl.cli.daemon;

import static java.util.stream.Collectors.toSet;

import java.util.List;
import java.util.Set;

/**
 * What {@code assemble --scan} looks at and for.
 *
 * @param disks where members are looked for: see {@link DiskSearch}
 * @param arrays that are wanted, and assembled when the node starts; if there are none, a scan
 *     takes every array that is complete
 */
public record ScanConfig(List<String> disks, List<WantedArray> arrays) {
  /** Nothing is configured. */
  public static final ScanConfig NONE = new ScanConfig(List.of(), List.of());

  public ScanConfig {
    disks = List.copyOf(disks);
    arrays = List.copyOf(arrays);
  }

  /** The same without the arrays that are asked for otherwise, by name. */
  public ScanConfig without(List<NodeRequest.Assemble> others) {
    Set<String> names = others.stream().map(NodeRequest.Assemble::array).collect(toSet());
    return new ScanConfig(
        disks, arrays.stream().filter(array -> !names.contains(array.name())).toList());
  }
}
