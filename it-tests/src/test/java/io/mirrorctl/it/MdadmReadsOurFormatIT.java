package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberLayout;
import io.mirrorctl.core.format.Superblock;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** mdadm reads what the codecs wrote, and sees every field as it was meant. */
class MdadmReadsOurFormatIT {
  private static final String ARRAY_UUID = "447f425b:21f8c7b7:7413fd5d:9af5dfdb";
  private static final String DEVICE_UUID = "00010203:04050607:08090a0b:0c0d0e0f";
  private static final UUID ARRAY = MdUuid.parse(ARRAY_UUID);
  private static final long MIB_SECTORS = 2048;
  private static final int FREE = Superblock.ROLE_SPARE;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {512, 4096})
  void everyFieldOfAClusteredMemberAndOfEachSlot(int sectorBytes) {
    MemberLayout layout = layout(2048 * MIB_SECTORS, BitmapKind.CLUSTERED, 4, 0);
    BitmapArea area = layout.bitmapArea().orElseThrow();
    BitmapHeader header = header(layout).build();
    MemberImage image = image(layout, superblock(layout).build());
    image.slot(area, 0, header.toBuilder().events(20).eventsCleared(21).build(), 0);
    image.slot(area, 1, header.toBuilder().events(0).eventsCleared(0).build());
    image.slot(area, 2, header.toBuilder().state(2).build(), 7, 8, 9, 31);
    image.slot(area, 3, header.toBuilder().events(1L << 40).build(), all(32));

    assertThat(examine(image))
        .containsExactlyInAnyOrderEntriesOf(
            Map.ofEntries(
                Map.entry("Magic", "a92b4efc"),
                Map.entry("Version", "1.2"),
                Map.entry("Feature Map", "0x101"),
                Map.entry("Array UUID", ARRAY_UUID),
                Map.entry("Name", "any:vol0"),
                Map.entry("Cluster Name", "example"),
                Map.entry("Creation Time", "Fri Nov 20 08:08:32 2026"),
                Map.entry("Raid Level", "raid1"),
                Map.entry("Raid Devices", "2"),
                Map.entry("Avail Dev Size", "4188160 sectors (2045.00 MiB 2144.34 MB)"),
                Map.entry("Array Size", "2094080 KiB (2045.00 MiB 2144.34 MB)"),
                Map.entry("Data Offset", "6144 sectors"),
                Map.entry("Super Offset", "8 sectors"),
                Map.entry("Unused Space", "before=6064 sectors, after=0 sectors"),
                Map.entry("State", "active"),
                Map.entry("Device UUID", DEVICE_UUID),
                Map.entry("Internal Bitmap", "8 sectors from superblock"),
                Map.entry("Update Time", "Sat Nov 21 09:10:11 2026"),
                Map.entry("Checksum", "correct"),
                Map.entry("Events", "19"),
                Map.entry("Device Role", "Active device 1"),
                Map.entry("Array State", "AA")));

    List<Map<String, String>> bitmap = examineBitmap(image, sectorBytes);
    assertThat(bitmap)
        .hasSize(5)
        .startsWith(
            Map.of(
                "Magic", "6d746962",
                "Version", "5",
                "UUID", ARRAY_UUID,
                "Chunksize", "64 MB",
                "Daemon", "5s flush period",
                "Write Mode", "Normal",
                "Sync Size", "2094080 (2045.00 MiB 2144.34 MB)",
                "Cluster nodes", "4",
                "Cluster name", "example"));
    assertThat(bitmap.subList(1, 5))
        .containsExactly(
            slot("0", "20", "21", "OK", "32 bits (chunks), 1 dirty (3.1%)"),
            slot("1", "0", "0", "OK", "32 bits (chunks), 0 dirty (0.0%)"),
            slot("2", "19", "18", "Out of date", "32 bits (chunks), 4 dirty (12.5%)"),
            slot("3", "1099511627776", "18", "OK", "32 bits (chunks), 32 dirty (100.0%)"));
  }

  private static Map<String, String> slot(
      String slot, String events, String cleared, String state, String bitmap) {
    return Map.of(
        "Node Slot", slot,
        "Events", events,
        "Events Cleared", cleared,
        "State", state,
        "Bitmap", bitmap);
  }

  @Test
  void aMemberWithAnInternalBitmapAndBadBlocks() {
    MemberLayout layout = layout(64 * MIB_SECTORS, BitmapKind.INTERNAL, 0, 65536);
    Superblock s = superblock(layout).with(Feature.BAD_BLOCKS).build();
    var bad = List.of(new SectorRange(3000, 3008), new SectorRange(4096, 5000));
    MemberImage image =
        image(layout, s)
            .slot(
                layout.bitmapArea().orElseThrow(),
                0,
                header(layout).daemonSleep(7).writeBehind(256).build(),
                3,
                500)
            .badBlocks(s, BadBlockLog.of(bad));

    assertThat(examine(image))
        .containsEntry("Feature Map", "0x9")
        .containsEntry("Internal Bitmap", "8 sectors from superblock")
        .containsEntry(
            "Bad Block Log", "512 entries available at offset 16 sectors - bad blocks present.")
        .containsEntry("Checksum", "correct")
        .doesNotContainKey("Cluster Name");
    assertThat(mdadm("--examine-badblocks", image.file()).out())
        .containsPattern("(?m)^ +3000 for 8 sectors$")
        .containsPattern("(?m)^ +4096 for 512 sectors$")
        .containsPattern("(?m)^ +4608 for 392 sectors$");
    assertThat(examineBitmap(image, 512))
        .containsExactly(
            Map.ofEntries(
                Map.entry("Magic", "6d746962"),
                Map.entry("Version", "4"),
                Map.entry("UUID", ARRAY_UUID),
                Map.entry("Events", "19"),
                Map.entry("Events Cleared", "18"),
                Map.entry("State", "OK"),
                Map.entry("Chunksize", "64 KB"),
                Map.entry("Daemon", "7s flush period"),
                Map.entry("Write Mode", "Allow write behind, max 256"),
                Map.entry("Sync Size", "64512 (63.00 MiB 66.06 MB)"),
                Map.entry("Bitmap", "1008 bits (chunks), 2 dirty (0.2%)")));
  }

  @Test
  void aMemberWithoutBitmap() {
    MemberLayout layout = layout(64 * MIB_SECTORS, BitmapKind.NONE, 0, 0);
    MemberImage image =
        image(layout, superblock(layout).resyncOffset(Superblock.MAX_SECTOR).build());

    assertThat(examine(image))
        .containsEntry("Feature Map", "0x0")
        .containsEntry("State", "clean")
        .containsEntry("Bad Block Log", "512 entries available at offset 16 sectors")
        .containsEntry("Unused Space", "before=1968 sectors, after=0 sectors")
        .containsEntry("Checksum", "correct")
        .doesNotContainKeys("Internal Bitmap", "Cluster Name");
  }

  @ParameterizedTest
  @CsvSource({
    // own number, roles, features, devflags | role, array state, feature map
    "0, 0 1 65535 65535, 0, 0, Active device 0, AA, 0x101",
    "1, 0 65534 65535 65535, 0, 0, spare, A., 0x101",
    "2, 0 1 65535 65535, 0, 0, spare, AA, 0x101",
    "9, 0 1, 0, 0, spare, AA, 0x101",
    "1, 0 1 65535, 2, 0, Active device 1, AA, 0x103",
    "1, 0 1 65535, 130, 0, Active device 1, AA, 0x183",
    "2, 0 1 0, 18, 0, Replacement device 0, RA, 0x113",
    "1, 65535 1, 0, 1, Active device 1, .A, 0x101",
    "1, 65534 1, 0, 2, Active device 1, .A, 0x101",
    "0, 1 0, 0, 3, Active device 1, AA, 0x101"
  })
  void everyRoleAndFlag(
      int number,
      String roles,
      int features,
      int devflags,
      String role,
      String arrayState,
      String featureMap) {
    MemberLayout layout = layout(64 * MIB_SECTORS, BitmapKind.CLUSTERED, 2, 0);
    Superblock.Builder s =
        superblock(layout).devNumber(number).devRoles(roles(roles)).devflags(devflags);
    s.featureMap(s.build().featureMap() | features).recoveryOffset(123456);
    MemberImage image = image(layout, s.build());
    BitmapArea area = layout.bitmapArea().orElseThrow();
    for (int slot = 0; slot < area.slots(); slot++) {
      image.slot(area, slot, header(layout).build());
    }

    Map<String, String> found = examine(image);
    assertThat(found)
        .containsEntry("Device Role", role)
        .containsEntry("Array State", arrayState)
        .containsEntry("Feature Map", featureMap)
        .containsEntry("Checksum", "correct");
    assertThat(found.get("Recovery Offset"))
        .isEqualTo((features & 2) != 0 ? "123456 sectors" : null);
    assertThat(found.get("Flags"))
        .isEqualTo(
            switch (devflags) {
              case 0 -> null;
              case 1 -> "write-mostly";
              case 2 -> "failfast";
              default -> "write-mostly failfast";
            });
  }

  private static ImmutableIntArray roles(String text) {
    return ImmutableIntArray.copyOf(
        Splitter.on(' ').splitToStream(text).mapToInt(Integer::parseInt));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 127, 128, 129, 383, 1919, 1920})
  void theChecksumIsRightForAnyNumberOfRoles(int maxDev) {
    MemberLayout layout = layout(64 * MIB_SECTORS, BitmapKind.NONE, 0, 0);
    int[] roles = new int[maxDev];
    Arrays.fill(roles, FREE);
    roles[maxDev - 1] = 1;
    roles[0] = 0;
    Superblock.Builder s = superblock(layout).devNumber(maxDev - 1);
    s.devRoles(ImmutableIntArray.copyOf(roles)).cntCorrectedRead(-1).events(Long.MAX_VALUE);

    assertThat(examine(image(layout, s.build())))
        .containsEntry("Checksum", "correct")
        .containsEntry("Device Role", "Active device 1")
        .containsEntry("Events", "9223372036854775807")
        .containsEntry("Array State", "AA");
  }

  @ParameterizedTest
  @CsvSource({
    // array sectors, chunk, slots | chunks
    "628881408, 4194304, 4, 76768",
    "245760, 4096, 3, 30720",
    "245762, 4096, 3, 30721",
    "245754, 4096, 2, 30720",
    "63488, 67108864, 64, 1"
  })
  void everySlotIsWhereMdadmLooksForIt(long size, long chunkBytes, int slots, long chunks) {
    MemberLayout layout = layout(size + 264192, size, BitmapKind.CLUSTERED, slots, chunkBytes);
    BitmapArea area = layout.bitmapArea().orElseThrow();
    MemberImage image = image(layout, superblock(layout).build());
    for (int slot = 0; slot < slots; slot++) {
      long[] dirty = chunks == 1 ? all(slot % 2) : new long[] {slot, slot + 9, chunks - 1};
      image.slot(area, slot, header(layout).events(100 + slot).build(), dirty);
    }

    List<Map<String, String>> bitmap = examineBitmap(image, 512);
    assertThat(bitmap).hasSize(slots + 1);
    for (int slot = 0; slot < slots; slot++) {
      String expected = "%d bits (chunks), %d dirty".formatted(chunks, chunks == 1 ? slot % 2 : 3);
      assertThat(bitmap.get(slot + 1))
          .containsEntry("Node Slot", Integer.toString(slot))
          .containsEntry("Events", Integer.toString(100 + slot))
          .hasEntrySatisfying("Bitmap", text -> assertThat(text).startsWith(expected));
    }
  }

  private MemberImage image(MemberLayout layout, Superblock s) {
    return MemberImage.create(directory.resolve("member"), layout.deviceSectors(), s);
  }

  private static long[] all(int chunks) {
    return LongStream.range(0, chunks).toArray();
  }

  private static Tool.Output mdadm(Object... arguments) {
    var command = new ArrayList<Object>(List.of("mdadm"));
    command.addAll(Arrays.asList(arguments));
    return Tool.of(command).environment("TZ", "UTC").run();
  }

  /** What mdadm says of the superblock, by its own names, without remarks and trailing blanks. */
  private static Map<String, String> examine(MemberImage image) {
    Map<String, String> fields = fields(mdadm("--examine", image.file()).out().lines().toList());
    fields.computeIfPresent("Checksum", (_, text) -> text.replaceFirst("^[0-9a-f]+ - ", ""));
    fields.computeIfPresent("Array State", (_, text) -> text.replaceFirst(" .*", ""));
    return fields;
  }

  /** What mdadm says of the bitmap: first of all of it, then of each slot of a clustered one. */
  private static List<Map<String, String>> examineBitmap(MemberImage image, int sectorBytes) {
    try (var device = LoopDevice.attach(image.file(), sectorBytes)) {
      var parts = new ArrayList<List<String>>(List.of(new ArrayList<>()));
      for (String line : mdadm("-X", device.path()).out().lines().toList()) {
        if (line.contains("Node Slot :")) {
          parts.add(new ArrayList<>());
        }
        parts.getLast().add(line);
      }
      var maps = parts.stream().map(MdadmReadsOurFormatIT::fields).toList();
      maps.getFirst().remove("Filename");
      return maps;
    }
  }

  private static Map<String, String> fields(List<String> lines) {
    var fields = new LinkedHashMap<String, String>();
    for (String line : lines) {
      int colon = line.indexOf(" : ");
      if (colon > 0) {
        String old =
            fields.put(line.substring(0, colon).strip(), line.substring(colon + 3).strip());
        assertThat(old).as("a second %s", line).isNull();
      }
    }
    return fields;
  }

  private static MemberLayout layout(long sectors, BitmapKind kind, int nodes, long chunkBytes) {
    return layout(sectors, 0, kind, nodes, chunkBytes);
  }

  private static MemberLayout layout(
      long sectors, long size, BitmapKind kind, int nodes, long chunkBytes) {
    return switch (MemberLayout.plan(sectors, size, kind, nodes, chunkBytes)) {
      case MemberLayout.Outcome.Fits(MemberLayout layout) -> layout;
      case MemberLayout.Outcome.Refused(String reason) -> throw new AssertionError(reason);
    };
  }

  private static Superblock.Builder superblock(MemberLayout layout) {
    var builder =
        Superblock.builder()
            .setUuid(ARRAY)
            .setName("any:vol0")
            .ctime(Superblock.toRawTime(Instant.parse("2026-11-20T08:08:32.123456Z")))
            .size(layout.size())
            .raidDisks(2)
            .dataOffset(layout.dataOffset())
            .dataSize(layout.dataSize())
            .devNumber(1)
            .deviceUuid(MdUuid.parse(DEVICE_UUID))
            .bblogOffset(layout.bblogOffset())
            .bblogSize(layout.bblogSize())
            .utime(Superblock.toRawTime(Instant.parse("2026-11-21T09:10:11Z")))
            .events(19)
            .devRoles(ImmutableIntArray.of(0, 1, FREE, FREE));
    if (layout.bitmapKind() != BitmapKind.NONE) {
      builder.with(Feature.BITMAP_OFFSET).bitmapOffset(MemberLayout.BITMAP_OFFSET);
    }
    if (layout.bitmapKind() == BitmapKind.CLUSTERED) {
      builder.with(Feature.CLUSTERED);
    }
    return builder;
  }

  private static BitmapHeader.Builder header(MemberLayout layout) {
    var builder =
        BitmapHeader.builder()
            .uuid(ARRAY)
            .events(19)
            .eventsCleared(18)
            .syncSize(layout.size())
            .chunksize(layout.bitmapChunkBytes());
    if (layout.bitmapKind() == BitmapKind.CLUSTERED) {
      builder.version(BitmapHeader.VERSION_CLUSTERED).nodes(layout.slots()).clusterName("example");
    }
    return builder;
  }
}
