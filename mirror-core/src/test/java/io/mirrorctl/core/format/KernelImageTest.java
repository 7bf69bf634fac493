package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** Every field of every image made by a Linux kernel, against what is written about them. */
class KernelImageTest {

  record Member(KernelFixture fixture, int index) {
    JsonNode facts() {
      return fixture.facts().get("members").get(index).get("superblock");
    }

    byte[] image() {
      return fixture.image(index);
    }
  }

  static Stream<Member> members() {
    return KernelFixture.all().stream()
        .flatMap(fixture ->
            Stream.iterate(0, i -> i < fixture.members(), i -> i + 1)
                .map(i -> new Member(fixture, i)));
  }

  @ParameterizedTest
  @MethodSource("members")
  void everySuperblockFieldIsAsTheFactsSay(Member member) throws IOException {
    JsonNode facts = member.facts();
    var metadata = MemberMetadata.read(new MemoryImage(member.image()));
    assertThat(metadata.superblock()).isInstanceOf(SuperblockRead.Valid.class);
    Superblock s = metadata.superblock().examinable().orElseThrow();
    var found = new TreeMap<String, Object>();
    found.put("magic", hex(SuperblockCodec.MAGIC));
    found.put("feature_map", hex(s.featureMap()));
    found.put("set_uuid", MdUuid.format(s.setUuid()).replace(":", ""));
    found.put("set_name", s.setName());
    found.put("ctime", s.ctime());
    found.put("level", s.level());
    found.put("layout", s.layout());
    found.put("size", s.size());
    found.put("chunksize", s.chunksize());
    found.put("raid_disks", s.raidDisks());
    found.put("bitmap_offset", s.bitmapOffset());
    found.put("data_offset", s.dataOffset());
    found.put("data_size", s.dataSize());
    found.put("super_offset", s.superOffset());
    found.put("recovery_offset", s.recoveryOffset());
    found.put("dev_number", s.devNumber());
    found.put("cnt_corrected_read", s.cntCorrectedRead());
    found.put("device_uuid", MdUuid.format(s.deviceUuid()).replace(":", ""));
    found.put("devflags", s.devflags());
    found.put("bblog_shift", s.bblogShift());
    found.put("bblog_size", s.bblogSize());
    found.put("bblog_offset", s.bblogOffset());
    found.put("utime", s.utime());
    found.put("events", s.events());
    found.put("resync_offset", s.isClean() ? "MaxSector" : s.resyncOffset());
    found.put(
        "sb_csum",
        hex((int) SuperblockCodec.checksum(SuperblockCodec.encode(s), s.devRoles().length())));
    found.put("max_dev", s.devRoles().length());
    found.put("dev_roles", s.devRoles().stream().limit(8).mapToObj(KernelImageTest::hex).toList());
    assertThat(texts(found)).isEqualTo(texts(facts, "bitmaps"));
  }

  @ParameterizedTest
  @MethodSource("members")
  void everyBitmapSlotIsAsTheFactsSay(Member member) throws IOException {
    var device = new MemoryImage(member.image());
    var metadata = MemberMetadata.read(device);
    BitmapArea area = metadata.bitmapArea().orElseThrow();
    JsonNode slots = member.facts().get("bitmaps");
    assertThat(metadata.bitmapHeaders()).hasSize(slots.size());
    for (int i = 0; i < slots.size(); i++) {
      SlotImage image = metadata.readSlot(device, i);
      BitmapHeader h = image.header();
      var found = new TreeMap<String, Object>();
      found.put("slot", i);
      found.put("byte_offset", area.slotOffsetBytes(i));
      found.put("magic", hex(BitmapHeaderCodec.MAGIC));
      found.put("version", h.version());
      found.put("events", h.events());
      found.put("events_cleared", h.eventsCleared());
      found.put("sync_size", h.syncSize());
      found.put("state", hex(h.state()));
      found.put("chunksize", h.chunksize());
      found.put("daemon_sleep", h.daemonSleep());
      found.put("write_behind", h.writeBehind());
      found.put("sectors_reserved", h.sectorsReserved());
      found.put("nodes", h.nodes());
      found.put("cluster_name", h.clusterName());
      found.put("bits", image.geometry().chunks());
      found.put("dirty", image.dirtyChunks());
      found.put(
          "dirty_ranges",
          image.dirtyRanges().stream().map(r -> r.first() + "-" + r.last()).toList());
      assertThat(texts(found)).isEqualTo(texts(slots.get(i)));
      assertThat(h.uuid()).isEqualTo(metadata.superblock().examinable().orElseThrow().setUuid());
    }
  }

  @ParameterizedTest
  @MethodSource("members")
  void whatIsEncodedAgainIsTheSameByteForByte(Member member) throws IOException {
    byte[] image = member.image();
    var metadata = MemberMetadata.read(new MemoryImage(image));
    Superblock s = metadata.superblock().examinable().orElseThrow();
    assertThat(SuperblockCodec.encode(s)).isEqualTo(ByteBuffer.wrap(image, 4096, 4096));
    BitmapArea area = metadata.bitmapArea().orElseThrow();
    for (int slot = 0; slot < area.slots(); slot++) {
      var read = (BitmapHeaderRead.Valid) metadata.bitmapHeaders().get(slot);
      assertThat(BitmapHeaderCodec.encode(read.header()))
          .isEqualTo(ByteBuffer.wrap(image, (int) area.slotOffsetBytes(slot), 256));
    }
  }

  private static String hex(int value) {
    return "0x" + Integer.toHexString(value);
  }

  private static List<String> texts(Map<String, Object> found) {
    return found.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList();
  }

  private static List<String> texts(JsonNode facts, String... without) {
    var sorted = new TreeMap<String, Object>();
    for (var property : facts.properties()) {
      if (!List.of(without).contains(property.getKey())) {
        sorted.put(property.getKey(), text(property.getValue()));
      }
    }
    return texts(sorted);
  }

  private static Object text(JsonNode value) {
    if (!value.isArray()) {
      return value.asString();
    }
    var list = new ArrayList<String>();
    value.forEach(v -> list.add(v.asString()));
    return list;
  }
}
