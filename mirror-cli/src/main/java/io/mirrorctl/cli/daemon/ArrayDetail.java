package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.resync.SyncThread;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * An array as {@code detail} shows it; the names are the keys of its JSON.
 *
 * @param name under which this node knows it
 * @param setName the name in the superblocks
 * @param state clean, active, degraded, resyncing, recovering or failed
 * @param slots of the bitmap that somebody has
 * @param notices what assembly found worth saying
 */
public record ArrayDetail(
    String name,
    String setName,
    String uuid,
    String level,
    long sizeBytes,
    String state,
    boolean readOnly,
    long events,
    int raidDisks,
    Bitmap bitmap,
    List<Member> members,
    List<Slot> slots,
    @JsonInclude(JsonInclude.Include.ALWAYS) Optional<SyncState> sync,
    List<String> notices) {

  /** The write-intent bitmap; its kind is clustered, internal or none. */
  public record Bitmap(String kind, long chunkBytes) {}

  /**
   * A disk.
   *
   * @param index its role; -1 for spares and faulty disks
   * @param state in-sync, recovering, replacing, spare or faulty
   * @param readErrors since assembly
   * @param cause why it is faulty
   */
  @JsonInclude(JsonInclude.Include.NON_ABSENT)
  public record Member(
      int index,
      String path,
      String state,
      int readErrors,
      boolean writeMostly,
      Optional<String> cause) {}

  /**
   * A slot of the bitmap and the node that holds it.
   *
   * @param state active, or needs-takeover if that node died or left work behind
   * @param dirtyChunks that it may have written; known only of this node's own slot
   */
  @JsonInclude(JsonInclude.Include.ALWAYS)
  public record Slot(int slot, String node, String state, OptionalLong dirtyChunks) {}

  static ArrayDetail of(NodeArray array, List<Slot> slots) {
    ArrayStatus status = array.mirror().array().status();
    SyncThread sync = array.mirror().sync();
    Optional<SyncState> action = SyncState.of(status, sync);
    return new ArrayDetail(
        array.name(),
        status.setName(),
        MdUuid.format(status.uuid()),
        "raid1",
        status.sizeSectors() * SectorRange.SECTOR_BYTES,
        state(status),
        status.readOnly(),
        status.events(),
        status.raidDisks(),
        new Bitmap(status.bitmapKind().name().toLowerCase(Locale.ROOT), status.bitmapChunkBytes()),
        status.members().stream().map(ArrayDetail::member).toList(),
        slots,
        action,
        array.mirror().array().notices());
  }

  private static Member member(ArrayStatus.MemberStatus member) {
    return new Member(
        member.state().receives() ? member.role() : -1,
        member.disk(),
        member.state().word(),
        member.readErrors(),
        member.writeMostly(),
        member.state() instanceof MemberState.Faulty faulty
            ? Optional.of(faulty.cause())
            : Optional.empty());
  }

  /** One word for the array: the worst that is true. */
  static String state(ArrayStatus status) {
    List<MemberState> states =
        status.members().stream().map(ArrayStatus.MemberStatus::state).toList();
    if (states.stream().noneMatch(MemberState.InSync.class::isInstance)) {
      return "failed";
    }
    if (states.stream().anyMatch(MemberState.Recovering.class::isInstance)) {
      return "recovering";
    }
    if (status.degraded()) {
      return "degraded";
    }
    if (status.neededChunks() > 0) {
      return "resyncing";
    }
    return status.dirtyChunks() > 0 ? "active" : "clean";
  }
}
