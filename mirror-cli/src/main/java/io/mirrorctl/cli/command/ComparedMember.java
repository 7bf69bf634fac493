package io.mirrorctl.cli.command;

import com.google.common.collect.Range;
import com.google.common.collect.RangeSet;
import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapHeaderRead;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.util.List;

/** A disk whose data can be compared with that of the other members of its array. */
record ComparedMember(BlockDevice device, MemberMetadata metadata, Superblock superblock) {

  /** Reads the superblock; refuses a disk whose data means nothing. */
  static ComparedMember read(BlockDevice device) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    String name = device.name();
    Superblock superblock =
        switch (metadata.superblock()) {
          case SuperblockRead.Valid valid -> valid.superblock();
          case SuperblockRead.Absent absent ->
              throw failed("%s: not a member of an array: %s", name, absent.reason());
          case SuperblockRead.Corrupt corrupt ->
              throw failed("%s: %s; leave the disk out", name, corrupt);
          case SuperblockRead.Unsupported unsupported ->
              throw failed("%s: cannot be compared: %s", name, unsupported.reason());
        };
    if (!superblock.isActive()) {
      throw failed("%s: a spare or faulty disk, its data means nothing; leave it out", name);
    }
    return new ComparedMember(device, metadata, superblock);
  }

  /** Refuses members of different arrays. */
  static void checkSameArray(List<ComparedMember> members) throws CommandException {
    ComparedMember first = members.getFirst();
    for (ComparedMember member : members) {
      if (!member.superblock.setUuid().equals(first.superblock.setUuid())) {
        throw failed(
            "%s is a member of array %s, %s of array %s; name members of one array",
            first.device.name(), first.arrayText(), member.device.name(), member.arrayText());
      }
    }
  }

  private String arrayText() {
    return "%s \"%s\"".formatted(MdUuid.format(superblock.setUuid()), superblock.setName());
  }

  @FormatMethod
  private static CommandException failed(@FormatString String text, Object... arguments) {
    return new CommandException(ExitCode.FAILED, text.formatted(arguments));
  }

  MemberData data() {
    BadBlockLog log =
        metadata.badBlockLog() instanceof BadBlockLogRead.Valid valid
            ? valid.log()
            : BadBlockLog.EMPTY;
    return new MemberData(device, superblock.dataOffset(), log);
  }

  boolean isRecovering() {
    return superblock.has(Feature.RECOVERY_OFFSET);
  }

  /** Adds the array sectors that any slot of this member's bitmap calls dirty. */
  void addDirtySectors(RangeSet<Long> dirty) throws IOException {
    for (int slot = 0; slot < metadata.bitmapHeaders().size(); slot++) {
      if (metadata.bitmapHeaders().get(slot) instanceof BitmapHeaderRead.Valid) {
        SlotImage bits = metadata.readSlot(device, slot);
        for (SlotImage.ChunkRange run : bits.dirtyRanges()) {
          SectorRange from = bits.geometry().chunkRange(run.first());
          SectorRange to = bits.geometry().chunkRange(run.last());
          dirty.add(Range.closedOpen(from.start(), to.end()));
        }
      }
    }
  }
}
