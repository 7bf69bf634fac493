package io.mirrorctl.cli.command;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A range of array sectors in which members do not agree or cannot all be read, all its sectors in
 * the same way.
 *
 * @param sectors of the array
 * @param groups for each member the first one that has the same content, itself if there is none;
 *     {@link #NOT_READABLE} or {@link #BAD_BLOCK} if its content is not known
 */
record Difference(SectorRange sectors, ImmutableIntArray groups) {
  /** The member answered with an error. */
  static final int NOT_READABLE = -1;

  /** The member's bad-block log says that what lies there is not its data. */
  static final int BAD_BLOCK = -2;

  /** The members by their numbers, those that agree together; without those not known. */
  List<List<Integer>> agreeing() {
    List<List<Integer>> lists = new ArrayList<>();
    for (int first = 0; first < groups.length(); first++) {
      List<Integer> same = with(first);
      if (!same.isEmpty()) {
        lists.add(same);
      }
    }
    return lists;
  }

  /** The members, by their numbers, in this group. */
  List<Integer> with(int group) {
    return IntStream.range(0, groups.length())
        .filter(member -> groups.get(member) == group)
        .boxed()
        .toList();
  }

  /** Whether two members are known to hold different data. */
  boolean isDifferent() {
    return agreeing().size() > 1;
  }

  /** Whether some member's data is not known. */
  boolean isIncomplete() {
    return groups.stream().anyMatch(group -> group < 0);
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
