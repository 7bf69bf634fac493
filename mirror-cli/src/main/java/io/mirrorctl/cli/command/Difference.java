package io.mirrorctl.cli.command;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;

/**
 * A range of array sectors in which members do not agree, all its sectors in the same way.
 *
 * @param sectors of the array
 * @param groups for each member the first one that has the same content, itself if there is none
 */
record Difference(SectorRange sectors, ImmutableIntArray groups) {

  /** The members by their numbers, those that agree together. */
  List<List<Integer>> agreeing() {
    List<List<Integer>> lists = new ArrayList<>();
    for (int first = 0; first < groups.length(); first++) {
      List<Integer> same = new ArrayList<>();
      for (int member = 0; member < groups.length(); member++) {
        if (groups.get(member) == first) {
          same.add(member);
        }
      }
      if (!same.isEmpty()) {
        lists.add(same);
      }
    }
    return lists;
  }

  /** Whether the other range goes on where this one ends, with the same members agreeing. */
  boolean isContinuedBy(Difference other) {
    return sectors.end() == other.sectors.start() && groups.equals(other.groups);
  }

  /** Both ranges as one. */
  Difference joined(Difference next) {
    return new Difference(new SectorRange(sectors.start(), next.sectors.end()), groups);
  }
}
