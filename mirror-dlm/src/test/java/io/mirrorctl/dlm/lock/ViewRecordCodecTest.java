package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.lock.ViewRecord.Event;
import io.mirrorctl.dlm.lock.ViewRecord.Kind;
import io.mirrorctl.dlm.store.Bytes;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ViewRecordCodecTest {
  /** By hand from docs/formats/znodes.md. */
  private static final List<String> VECTOR =
      List.of(
          "01 01 0300 0100 0000 02000000 0500000000000000", // 1 parameter, 3 slots, 1 dying, 2
          // events
          "01000000 04000000 0700000000000000 0000000000000000", // slot 0: node 4
          "02000000 05000000 0800000000000000 0500000000000000", // slot 1: needs takeover
          "00000000 00000000 0000000000000000 0000000000000000", // slot 2: free
          "0000", // slot 0 is dying
          "01 00 0100 05000000 0400000000000000 0800000000000000", // node 5 joined
          "04 00 0100 05000000 0500000000000000 0800000000000000", // and died
          "02 6964 01 37"); // id = 7

  private static final ViewRecord VIEW =
      new ViewRecord(
          5,
          List.of(
              new SlotState.Member(4, 7),
              new SlotState.NeedsTakeover(5, 8, 5),
              new SlotState.Free()),
          Set.of(0),
          Map.of("id", "7"),
          List.of(new Event(4, Kind.JOINED, 1, 5, 8), new Event(5, Kind.DIED, 1, 5, 8)));

  private static byte[] vector() {
    return HexFormat.of().parseHex(String.join("", VECTOR).replace(" ", ""));
  }

  @Test
  void theVectorIsTheView() throws MalformedRecordException {
    assertThat(ViewRecordCodec.encode(VIEW)).isEqualTo(Bytes.of(vector()));
    assertThat(ViewRecordCodec.decode(Bytes.of(vector()))).isEqualTo(VIEW);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 9, version should be 1",
    "1, 65, parameters should be at most 64",
    "3, 2, slots should be at most 256",
    "4, 4, dying should be at most 3",
    "6, 1, padding should be 0",
    "11, 128, events should be below 2^31",
    "20, 3, 'state of a slot should be 0, 1 or 2'",
    "92, 1, 'dying slot should be a member''s, named once'",
    "94, 6, event should be 1 to 5",
    "102, 6, generation of an event should be from 0 to 5",
    "126, 3, generation of an event should be from 4 to 5",
    "143, 255, name of a parameter should be UTF-8",
    "145, 2, parameter should be 2 bytes",
  })
  void whatCannotBeIsNamed(int at, int value, String message) {
    byte[] bytes = vector();
    bytes[at] = (byte) value;
    assertThatThrownBy(() -> ViewRecordCodec.decode(Bytes.of(bytes)))
        .isInstanceOf(MalformedRecordException.class)
        .hasMessageContaining(message);
  }

  @Test
  void anyBytesAreReadOrRefused() {
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = Arrays.copyOf(vector(), random.nextInt(vector().length + 8));
      for (int flips = random.nextInt(4); flips > 0 && bytes.length > 0; flips--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try {
        ViewRecordCodec.encode(ViewRecordCodec.decode(Bytes.of(bytes)));
      } catch (MalformedRecordException e) {
        assertThat(e).hasMessageContaining("should be");
      }
    }
  }

  @Test
  void theLogKeepsTheLastGenerationsWhole() {
    ViewRecord view = ViewRecord.first(new LockspaceSettings(4, Map.of()));
    for (int round = 1; round <= 100; round++) {
      view = view.joined(0, 1, round).left(0, Lockspace.Leaving.CLEAN);
    }
    long oldest = view.log().getFirst().generation();
    assertThat(view.generation()).isEqualTo(200);
    assertThat(oldest).isEqualTo(200 - ViewRecord.LOG_GENERATIONS + 1);
    assertThat(ViewRecordCodec.encode(view).size()).isLessThan(4096);
  }
}
