package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What was created, or would be. */
final class CreationReport {
  private CreationReport() {}

  static Report of(
      String name, ArrayCreation.Request request, ArrayCreation plan, boolean created) {
    MemberLayout layout = plan.layout();
    long bytes = layout.size() * SectorRange.SECTOR_BYTES;
    long dataOffset = layout.dataOffset() * SectorRange.SECTOR_BYTES;
    return Report.builder()
        .line((created ? "created array " : "would create array ") + name)
        .data("created", created)
        .data("name", name)
        .field("setName", "Name", request.setName())
        .field("uuid", "UUID", created ? MdUuid.format(plan.setUuid()) : null, uuid(plan, created))
        .field("level", "Level", "raid1")
        .field("sizeBytes", "Size", bytes, ByteSize.text(bytes))
        .field("dataOffsetBytes", "Data offset", dataOffset, ByteSize.text(dataOffset))
        .field(
            "clean",
            "State",
            request.assumeClean(),
            request.assumeClean()
                ? "clean: the members are taken to be equal"
                : "to be resynced when it is first assembled")
        .group("bitmap", "", bitmap(layout))
        .text("Bitmap", bitmapText(request, layout))
        .table("members", members(request))
        .build();
  }

  private static String uuid(ArrayCreation plan, boolean created) {
    return created ? MdUuid.format(plan.setUuid()) : "chosen when it is created";
  }

  private static Report bitmap(MemberLayout layout) {
    return Report.builder()
        .data("kind", layout.bitmapKind().name().toLowerCase(Locale.ROOT))
        .data("chunkBytes", layout.bitmapChunkBytes())
        .data("slots", layout.slots())
        .build();
  }

  private static String bitmapText(ArrayCreation.Request request, MemberLayout layout) {
    String chunk = ", chunks of " + ByteSize.text(layout.bitmapChunkBytes());
    return switch (layout.bitmapKind()) {
      case BitmapKind.NONE -> "none";
      case BitmapKind.INTERNAL -> "internal" + chunk;
      case BitmapKind.CLUSTERED ->
          "clustered, %d slots, cluster %s%s"
              .formatted(layout.slots(), request.clusterName(), chunk);
    };
  }

  private static List<Report> members(ArrayCreation.Request request) {
    List<Report> rows = new ArrayList<>();
    for (BlockDevice member : request.members()) {
      boolean slow = request.writeMostly().contains(member);
      rows.add(row(rows.size(), member, slow ? "member, write-mostly" : "member", slow));
    }
    for (BlockDevice spare : request.spares()) {
      rows.add(row(rows.size(), spare, "spare", false));
    }
    return rows;
  }

  private static Report row(int index, BlockDevice device, String role, boolean writeMostly) {
    return Report.builder()
        .field("index", "Number", index)
        .field("role", "Role", role.startsWith("member") ? "member" : role, role)
        .data("writeMostly", writeMostly)
        .field("path", "Disk", device.name())
        .build();
  }
}
