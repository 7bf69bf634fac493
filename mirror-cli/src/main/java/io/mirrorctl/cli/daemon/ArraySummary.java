package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.block.SectorRange;
import java.util.Optional;

/**
 * An array in one line.
 *
 * @param state as in {@link ArrayDetail}
 * @param inSync roles with a member that holds all data
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
    @JsonInclude(JsonInclude.Include.ALWAYS) Optional<SyncState> sync) {

  static ArraySummary of(NodeArray array) {
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
        SyncState.of(status, array.mirror().sync()));
  }
}
