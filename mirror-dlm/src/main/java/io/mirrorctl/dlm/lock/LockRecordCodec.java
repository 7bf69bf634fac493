package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import io.mirrorctl.dlm.store.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The bytes of a lock record: docs/formats/znodes.md. */
final class LockRecordCodec {
  static final int VERSION = 1;
  static final int HEADER_BYTES = 80;
  static final int ENTRY_BYTES = 32;

  private static final int FLAG_VALID = 1;
  private static final int GRANTED = 1;
  private static final int CONVERTING = 2;
  private static final int WAITING = 3;
  private static final int NO_MODE = 0xff;

  private LockRecordCodec() {}

  static Bytes encode(LockRecord record) {
    int notes = record.entries().stream().mapToInt(entry -> entry.note().size()).sum();
    int size = HEADER_BYTES + ENTRY_BYTES * record.entries().size() + notes;
    ByteBuffer out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    out.put((byte) VERSION);
    out.put((byte) (record.value().valid() ? FLAG_VALID : 0));
    out.putShort((short) record.entries().size());
    out.putInt(0);
    out.putLong(record.generation());
    out.put(record.value().content().buffer());
    record.entries().forEach(entry -> encode(entry, out));
    Invariant.check(!out.hasRemaining(), "%d bytes are left of a lock record", out.remaining());
    return Bytes.of(out.flip());
  }

  private static void encode(Entry entry, ByteBuffer out) {
    out.putShort((short) entry.owner().slot());
    out.put(
        (byte)
            switch (entry.state()) {
              case State.Granted _ -> GRANTED;
              case State.Converting _ -> CONVERTING;
              case State.Waiting _ -> WAITING;
            });
    out.put((byte) (int) entry.state().heldMode().map(LockRecordCodec::number).orElse(NO_MODE));
    out.put((byte) (int) entry.state().wantedMode().map(LockRecordCodec::number).orElse(NO_MODE));
    out.put((byte) entry.note().size());
    out.putShort((short) 0);
    out.putLong(entry.owner().incarnation());
    out.putLong(entry.request());
    out.putLong(entry.sinceMillis());
    out.put(entry.note().buffer());
  }

  static LockRecord decode(Bytes bytes) throws MalformedRecordException {
    RecordReader in = new RecordReader(bytes);
    in.expect("version", VERSION, in.u8("version"));
    boolean valid = in.u8("flags", FLAG_VALID) == FLAG_VALID;
    int count = in.u16("entries", LockspaceSettings.MAX_SLOTS);
    in.expect("padding", 0, in.u16("padding"));
    in.expect("padding", 0, in.u16("padding"));
    long generation = in.u63("generation");
    ValueBlock value = new ValueBlock(in.bytes("value block", ValueBlock.BYTES), valid);
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      entries.add(entry(in));
    }
    in.end();
    checkSlots(entries);
    checkModes(entries);
    return new LockRecord(generation, value, entries);
  }

  private static Entry entry(RecordReader in) throws MalformedRecordException {
    int slot = in.u16("slot", LockspaceSettings.MAX_SLOTS - 1);
    int kind = in.u8("state");
    int held = in.u8("mode held");
    int wanted = in.u8("mode wanted");
    int noteSize = in.u8("size of the note", LockRequest.NOTE_BYTES);
    in.expect("padding of an entry", 0, in.u16("padding of an entry"));
    Owner owner = new Owner(slot, in.u63("incarnation"));
    long request = in.u63("request");
    long since = in.u63("since");
    return new Entry(
        owner, state(in, kind, held, wanted), request, since, in.bytes("note", noteSize));
  }

  private static State state(RecordReader in, int kind, int held, int wanted)
      throws MalformedRecordException {
    return switch (kind) {
      case GRANTED -> {
        in.expect("mode wanted", NO_MODE, wanted);
        yield new State.Granted(mode("mode held", held));
      }
      case CONVERTING -> new State.Converting(mode("mode held", held), mode("mode wanted", wanted));
      case WAITING -> {
        in.expect("mode held", NO_MODE, held);
        yield new State.Waiting(mode("mode wanted", wanted));
      }
      default -> throw new MalformedRecordException("state", "1, 2 or 3", kind);
    };
  }

  private static void checkSlots(List<Entry> entries) throws MalformedRecordException {
    Set<Integer> slots = new HashSet<>();
    for (Entry entry : entries) {
      if (!slots.add(entry.owner().slot())) {
        throw new MalformedRecordException("entry", "one per slot", "a second " + entry.owner());
      }
    }
  }

  /** Invariant I8, looked at wherever a record is read. */
  private static void checkModes(List<Entry> entries) throws MalformedRecordException {
    for (int i = 0; i < entries.size(); i++) {
      for (int j = 0; j < i; j++) {
        LockMode one = entries.get(i).state().heldMode().orElse(LockMode.NL);
        LockMode other = entries.get(j).state().heldMode().orElse(LockMode.NL);
        if (!one.isCompatibleWith(other)) {
          throw new MalformedRecordException("modes held", "compatible", one + " and " + other);
        }
      }
    }
  }

  private static int number(LockMode mode) {
    return switch (mode) {
      case NL -> 0;
      case CR -> 1;
      case CW -> 2;
      case PR -> 3;
      case PW -> 4;
      case EX -> 5;
    };
  }

  private static LockMode mode(String field, int number) throws MalformedRecordException {
    return switch (number) {
      case 0 -> LockMode.NL;
      case 1 -> LockMode.CR;
      case 2 -> LockMode.CW;
      case 3 -> LockMode.PR;
      case 4 -> LockMode.PW;
      case 5 -> LockMode.EX;
      default -> throw new MalformedRecordException(field, "0 to 5", number);
    };
  }
}
