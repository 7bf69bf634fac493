package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.ViewRecord.Event;
import io.mirrorctl.dlm.lock.ViewRecord.Kind;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The bytes of a lockspace's view: docs/formats/znodes.md. */
final class ViewRecordCodec {
  static final int VERSION = 1;
  static final int HEADER_BYTES = 20;
  static final int SLOT_BYTES = 24;
  static final int DYING_BYTES = 2;
  static final int EVENT_BYTES = 24;

  private static final int FREE = 0;
  private static final int MEMBER = 1;
  private static final int NEEDS_TAKEOVER = 2;

  private ViewRecordCodec() {}

  static Bytes encode(ViewRecord view) {
    int size =
        HEADER_BYTES
            + SLOT_BYTES * view.slots().size()
            + DYING_BYTES * view.dying().size()
            + EVENT_BYTES * view.log().size();
    for (Map.Entry<String, String> parameter : view.parameters().entrySet()) {
      size += 2 + utf8(parameter.getKey()).length + utf8(parameter.getValue()).length;
    }
    ByteBuffer out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    out.put((byte) VERSION);
    out.put((byte) view.parameters().size());
    out.putShort((short) view.slots().size());
    out.putShort((short) view.dying().size());
    out.putShort((short) 0);
    out.putInt(view.log().size());
    out.putLong(view.generation());
    view.slots().forEach(slot -> encode(slot, out));
    view.dying().forEach(slot -> out.putShort((short) (int) slot));
    view.log().forEach(event -> encode(event, out));
    view.parameters()
        .forEach((name, text) -> {
          encode(name, out);
          encode(text, out);
        });
    return Bytes.of(out.flip());
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void encode(String text, ByteBuffer out) {
    byte[] content = utf8(text);
    out.put((byte) content.length);
    out.put(content);
  }

  private static void encode(SlotState slot, ByteBuffer out) {
    switch (slot) {
      case SlotState.Free _ -> encode(FREE, 0, 0, 0, out);
      case SlotState.Member(int node, long incarnation) ->
          encode(MEMBER, node, incarnation, 0, out);
      case SlotState.NeedsTakeover(int node, long incarnation, long generation) ->
          encode(NEEDS_TAKEOVER, node, incarnation, generation, out);
    }
  }

  private static void encode(
      int kind, int node, long incarnation, long generation, ByteBuffer out) {
    out.putInt(kind).putInt(node).putLong(incarnation).putLong(generation);
  }

  private static void encode(Event event, ByteBuffer out) {
    out.put((byte) number(event.kind())).put((byte) 0).putShort((short) event.slot());
    out.putInt(event.node()).putLong(event.generation()).putLong(event.incarnation());
  }

  static ViewRecord decode(Bytes bytes) throws MalformedRecordException {
    RecordReader in = new RecordReader(bytes);
    in.expect("version", VERSION, in.u8("version"));
    int parameterCount = in.u8("parameters", LockspaceSettings.MAX_PARAMETERS);
    int slotCount = in.u16("slots", LockspaceSettings.MAX_SLOTS);
    int dyingCount = in.u16("dying", slotCount);
    in.expect("padding", 0, in.u16("padding"));
    int logSize = in.u31("events");
    long generation = in.u63("generation");
    List<SlotState> slots = new ArrayList<>();
    for (int i = 0; i < slotCount; i++) {
      slots.add(slot(in));
    }
    Set<Integer> dying = dying(in, dyingCount, slots);
    List<Event> log = new ArrayList<>();
    for (int i = 0; i < logSize; i++) {
      log.add(event(in, slotCount));
    }
    checkOrder(log, generation);
    Map<String, String> parameters = new TreeMap<>();
    for (int i = 0; i < parameterCount; i++) {
      parameters.put(in.text("name of a parameter"), in.text("parameter"));
    }
    in.end();
    return new ViewRecord(generation, slots, dying, parameters, log);
  }

  private static SlotState slot(RecordReader in) throws MalformedRecordException {
    int kind = in.u31("state of a slot");
    int node = in.u31("node");
    long incarnation = in.u63("incarnation");
    long generation = in.u63("generation of a slot");
    return switch (kind) {
      case FREE -> new SlotState.Free();
      case MEMBER -> new SlotState.Member(node, incarnation);
      case NEEDS_TAKEOVER -> new SlotState.NeedsTakeover(node, incarnation, generation);
      default -> throw new MalformedRecordException("state of a slot", "0, 1 or 2", kind);
    };
  }

  private static Set<Integer> dying(RecordReader in, int count, List<SlotState> slots)
      throws MalformedRecordException {
    Set<Integer> dying = new TreeSet<>();
    for (int i = 0; i < count; i++) {
      int slot = in.u16("dying slot", slots.size() - 1);
      if (!(slots.get(slot) instanceof SlotState.Member) || !dying.add(slot)) {
        throw new MalformedRecordException("dying slot", "a member's, named once", slot);
      }
    }
    return dying;
  }

  private static Event event(RecordReader in, int slotCount) throws MalformedRecordException {
    Kind kind = kind(in.u8("event"));
    in.expect("padding of an event", 0, in.u8("padding of an event"));
    int slot = in.u16("slot of an event", slotCount - 1);
    int node = in.u31("node of an event");
    long generation = in.u63("generation of an event");
    return new Event(generation, kind, slot, node, in.u63("incarnation of an event"));
  }

  private static void checkOrder(List<Event> log, long generation) throws MalformedRecordException {
    long last = 0;
    for (Event event : log) {
      if (event.generation() < last || event.generation() > generation) {
        throw new MalformedRecordException(
            "generation of an event",
            "from %d to %d".formatted(last, generation),
            event.generation());
      }
      last = event.generation();
    }
  }

  private static int number(Kind kind) {
    return switch (kind) {
      case JOINED -> 1;
      case LEFT -> 2;
      case LEFT_WITH_WORK -> 3;
      case DIED -> 4;
      case FREED -> 5;
    };
  }

  private static Kind kind(int number) throws MalformedRecordException {
    return switch (number) {
      case 1 -> Kind.JOINED;
      case 2 -> Kind.LEFT;
      case 3 -> Kind.LEFT_WITH_WORK;
      case 4 -> Kind.DIED;
      case 5 -> Kind.FREED;
      default -> throw new MalformedRecordException("event", "1 to 5", number);
    };
  }
}
