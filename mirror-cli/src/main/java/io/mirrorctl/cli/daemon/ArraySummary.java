package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.block.SectorRange;
import java.util.List;
import java.util.Optional;

/**
 * An array in one line.
 *
 * @param state as in {@link ArrayDetail}, or halted while its node is out of its cluster, or
 *     path-lost while its node does not reach its disks, or waiting if it is configured and was not
 *     in use yet
 * @param inSync roles with a member that holds all data
 * @param slots of the bitmap that somebody has
 * @param map a letter for each role: U if it has one, else _
 */
public record ArraySummary(
    String name,
    String state,
    boolean readOnly,
    long sizeBytes,
    int raidDisks,
    int inSync,
    String map,
    List<ArrayDetail.Slot> slots,
    @JsonInclude(JsonInclude.Include.ALWAYS) Optional<SyncState> sync) {

  static ArraySummary of(NodeArray array, List<ArrayDetail.Slot> slots) {
    ArrayStatus status = array.mirror().array().status();
    StringBuilder map = new StringBuilder("_".repeat(status.raidDisks()));
    for (ArrayStatus.MemberStatus member : status.members()) {
      if (member.state() instanceof MemberState.InSync) {
        map.setCharAt(member.role(), 'U');
      }
    }
    return new ArraySummary(
        array.name(),
        ArrayDetail.state(status),
        status.readOnly(),
        status.sizeSectors() * SectorRange.SECTOR_BYTES,
        status.raidDisks(),
        (int) map.chars().filter(c -> c == 'U').count(),
        map.toString(),
        slots,
        SyncState.of(status, array.mirror().sync()));
  }

  /** An array that the node is to have, and of which it knows no more. */
  static ArraySummary waiting(String name) {
    return new ArraySummary(name, "waiting", false, 0, 0, 0, "", List.of(), Optional.empty());
  }

  /** The array while it is not in use, as halted or path-lost. */
  ArraySummary gone(String now) {
    return new ArraySummary(
        name, now, readOnly, sizeBytes, raidDisks, inSync, map, List.of(), Optional.empty());
  }
}
