package io.mirrorctl.core.array;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * A new disk on its way into an array. While it is announced to other nodes it carries a superblock
 * that tells of no member, so that they know it when they see it; it is no member yet, and what was
 * there before comes back if it does not become one.
 */
final class Announced {
  private final Member member;
  private final byte[] before;

  private Announced(Member member, byte[] before) {
    this.member = member;
    this.before = before;
  }

  /** No other node has to find it. */
  static Announced hidden(Member member) {
    return new Announced(member, new byte[0]);
  }

  /**
   * Shows it to other nodes.
   *
   * @param again whether it bears an announcement that somebody left, which is not to come back
   */
  static Announced show(Member member, boolean again) throws IOException {
    byte[] before = read(member);
    var announced = new Announced(member, again ? new byte[before.length] : before);
    announced.show();
    return announced;
  }

  /** It tells of no member, not even of itself: no array ever wrote it. */
  static boolean isAnnouncement(Superblock superblock) {
    return superblock.events() == 0 && superblock.devRoles().isEmpty();
  }

  Member member() {
    return member;
  }

  /** Changes the number, also on the disk if it is shown there. */
  void number(int next) throws IOException {
    member.superblock(member.superblock().toBuilder().devNumber(next).build());
    if (isShown()) {
      show();
    }
  }

  /** Refuses a disk that somebody has written meanwhile. */
  void check() throws IOException {
    if (isShown() && !isThere()) {
      throw ArrayException.failed(member + " was written by somebody else while it was announced");
    }
  }

  /** Brings back what was there, unless somebody else has written there since. */
  void takeBack() throws IOException {
    if (isShown() && isThere()) {
      ByteBuffer block = AlignedBuffers.shared().acquire(before.length);
      try {
        write(block.put(0, before));
      } finally {
        AlignedBuffers.shared().release(block);
      }
    }
  }

  private boolean isShown() {
    return before.length > 0;
  }

  private boolean isThere() throws IOException {
    Superblock own;
    try {
      own = Candidate.read(member.device()).superblock();
    } catch (ArrayException another) {
      return false;
    }
    return isAnnouncement(own)
        && own.setUuid().equals(member.superblock().setUuid())
        && own.deviceUuid().equals(member.uuid());
  }

  private void show() throws IOException {
    write(SuperblockCodec.encode(member.superblock()));
  }

  private void write(ByteBuffer block) throws IOException {
    member.device().write(place(member), block, WriteOption.ONLY_DURABLE);
  }

  private static byte[] read(Member member) throws IOException {
    BlockDevice device = member.device();
    byte[] block = new byte[SuperblockCodec.BLOCK_BYTES];
    ByteBuffer aligned = AlignedBuffers.shared().acquire(block.length);
    try {
      device.read(place(member), aligned);
      aligned.get(0, block);
    } finally {
      AlignedBuffers.shared().release(aligned);
    }
    return block;
  }

  private static long place(Member member) {
    return member.superblock().superOffset() * SectorRange.SECTOR_BYTES;
  }
}
