package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import io.mirrorctl.dlm.store.Bytes;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LockRecordCodecTest {
  /** By hand from docs/formats/znodes.md. */
  private static final List<String> VECTOR =
      List.of(
          "01 01 0300 00000000 2a00000000000000", // version, valid, 3 entries, generation 42
          "aa".repeat(64),
          "0000 01 01 ff 00 0000 0700000000000000 0100000000000000 e803000000000000",
          "0100 02 01 05 02 0000 0800000000000000",
          "0300000000000000 0000000000000000 6e6f", // request 3, since 0, note "no"
          "ff00 03 ff 03 00 0000 0900000000000000 0400000000000000 0200000000000000");

  private static final LockRecord RECORD =
      new LockRecord(
          42,
          new ValueBlock(filled(), true),
          List.of(
              new Entry(new Owner(0, 7), new State.Granted(LockMode.CR), 1, 1000, Bytes.EMPTY),
              new Entry(
                  new Owner(1, 8),
                  new State.Converting(LockMode.CR, LockMode.EX),
                  3,
                  0,
                  Bytes.utf8("no")),
              new Entry(new Owner(255, 9), new State.Waiting(LockMode.PR), 4, 2, Bytes.EMPTY)));

  private static Bytes filled() {
    byte[] content = new byte[ValueBlock.BYTES];
    Arrays.fill(content, (byte) 0xaa);
    return Bytes.of(content);
  }

  private static byte[] vector() {
    return VECTOR.stream()
        .map(line -> line.replace(" ", ""))
        .collect(Collectors.collectingAndThen(Collectors.joining(), HexFormat.of()::parseHex));
  }

  @Test
  void theVectorIsTheRecord() throws MalformedRecordException {
    assertThat(LockRecordCodec.encode(RECORD)).isEqualTo(Bytes.of(vector()));
    assertThat(LockRecordCodec.decode(Bytes.of(vector()))).isEqualTo(RECORD);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 2, version should be 1",
    "1, 2, flags should be at most 1",
    "4, 1, padding should be 0",
    "15, 128, generation should be below 2^63",
    "82, 4, 'state should be 1, 2 or 3'",
    "83, 6, mode held should be 0 to 5",
    "83, 5, modes held should be compatible",
    "84, 0, mode wanted should be 255",
    "112, 0, entry should be one per slot",
    "117, 41, size of the note should be at most 40",
    "118, 1, padding of an entry should be 0",
    "2, 4, slot should be 2 bytes",
    "2, 2, the end should be here",
  })
  void whatCannotBeIsNamed(int at, int value, String message) {
    byte[] bytes = vector();
    bytes[at] = (byte) value;
    assertThatThrownBy(() -> LockRecordCodec.decode(Bytes.of(bytes)))
        .isInstanceOf(MalformedRecordException.class)
        .hasMessageContaining(message);
  }

  @Test
  void anyBytesAreReadOrRefused() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = Arrays.copyOf(vector(), random.nextInt(vector().length + 8));
      for (int flips = random.nextInt(4); flips > 0 && bytes.length > 0; flips--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      Bytes hostile = Bytes.of(bytes);
      try {
        assertThat(LockRecordCodec.encode(LockRecordCodec.decode(hostile))).isEqualTo(hostile);
      } catch (MalformedRecordException e) {
        assertThat(e).hasMessageContaining("should be");
      }
    }
  }

  @Test
  void aFullRecordStaysBelowAHundredBytesPerSlot() {
    Bytes note = Bytes.of(new byte[LockRequest.NOTE_BYTES]);
    List<Entry> entries =
        Stream.iterate(0, slot -> slot + 1)
            .limit(LockspaceSettings.MAX_SLOTS)
            .map(slot ->
                new Entry(new Owner(slot, slot), new State.Granted(LockMode.NL), 1, 1, note))
            .toList();
    LockRecord full = new LockRecord(1, ValueBlock.ZERO, entries);
    assertThat(LockRecordCodec.encode(full).size()).isLessThan(100 * entries.size());
  }
}
