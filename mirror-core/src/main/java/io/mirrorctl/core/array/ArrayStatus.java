package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.format.BitmapKind;
import java.util.UUID;

/**
 * An array as it is at one moment.
 *
 * @param uuid set_uuid
 * @param setName the name in the superblock
 * @param sizeSectors array size
 * @param bitmapChunkBytes 0 without bitmap
 * @param dirtyChunks bits set in this node's slot
 * @param neededChunks chunks in which in-sync members may differ
 * @param degraded whether a role has no in-sync member
 */
public record ArrayStatus(
    UUID uuid,
    String setName,
    long sizeSectors,
    long events,
    int raidDisks,
    boolean readOnly,
    boolean degraded,
    BitmapKind bitmapKind,
    long bitmapChunkBytes,
    int slots,
    int slot,
    long dirtyChunks,
    long neededChunks,
    ImmutableList<MemberStatus> members) {

  /**
   * A member.
   *
   * @param role -1 for spares and faulty members
   * @param state as in {@link MemberState}
   * @param readErrors read errors since assembly
   * @param deviceUuid the disk's own UUID
   */
  public record MemberStatus(
      String disk,
      int devNumber,
      int role,
      MemberState state,
      int readErrors,
      boolean writeMostly,
      UUID deviceUuid) {}
}
