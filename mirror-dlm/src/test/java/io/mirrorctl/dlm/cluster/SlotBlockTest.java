package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.dlm.store.Bytes;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SlotBlockTest {
  @Test
  void aBlockIsReadAsItWasWritten() {
    for (List<SectorRange> windows :
        List.of(
            List.<SectorRange>of(),
            List.of(new SectorRange(0, 1)),
            List.of(SectorRange.ofLength(1L << 40, 0xFFFF_FFFFL)),
            List.of(new SectorRange(65536, 131072), new SectorRange(0, 65536)))) {
      var block = new SlotBlock(true, windows);
      assertThat(block.encode().size()).isEqualTo(64);
      assertThat(SlotBlock.decode(block.encode())).isEqualTo(block);
    }
    assertThat(SlotBlock.decode(SlotBlock.EMPTY.encode())).isEqualTo(SlotBlock.EMPTY);
    assertThat(SlotBlock.EMPTY.encode()).isEqualTo(Bytes.of(new byte[64]));
  }

  @Test
  void theBytesAreThoseOfTheDocument() {
    var block = new SlotBlock(true, List.of(new SectorRange(0x100, 0x180), new SectorRange(2, 5)));
    assertThat(block.encode().toString())
        .startsWith("0101000000000000" + "0001000000000000" + "80000000")
        .contains("0200000000000000" + "03000000" + "00".repeat(32));
  }

  @Test
  void whatIsNoBlockIsRefusedWithAReason() {
    byte[] other = new SlotBlock(true, List.of()).encode().toArray();
    other[0] = 2;
    assertThatThrownBy(() -> SlotBlock.decode(Bytes.of(other)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("version 2, not 1");
    byte[] flagged = new SlotBlock(true, List.of()).encode().toArray();
    flagged[1] = 3;
    assertThatThrownBy(() -> SlotBlock.decode(Bytes.of(flagged)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("byte 1 is not as it should be");
  }

  @Test
  void anyBytesAreReadOrRefused() {
    long seed = System.nanoTime();
    var random = new SplittableRandom(seed);
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = new byte[64];
      bytes[0] = 1;
      for (int n = random.nextInt(6); n > 0; n--) {
        bytes[random.nextInt(64)] = (byte) random.nextInt();
      }
      try {
        assertThat(SlotBlock.decode(Bytes.of(bytes)).encode())
            .as("seed %d", seed)
            .isEqualTo(Bytes.of(bytes));
      } catch (IllegalArgumentException e) {
        assertThat(e.getMessage()).as("seed %d", seed).isNotBlank();
      }
    }
  }

  @Test
  void theNamesOfTheLocksAreThoseOfLinux() {
    assertThat(SlotBlock.resource(0)).isEqualTo("bitmap0000");
    assertThat(SlotBlock.resource(12)).isEqualTo("bitmap0012");
  }
}
