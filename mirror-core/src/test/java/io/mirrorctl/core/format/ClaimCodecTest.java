package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.ClaimBlock.State;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class ClaimCodecTest {
  private static final UUID ENSEMBLE = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");

  private static ClaimBlock block(String cluster, String node) {
    return new ClaimBlock(
        Samples.ARRAY,
        3,
        ClaimOwner.ofCluster(ENSEMBLE, cluster, node, 17),
        State.HELD,
        42,
        2000,
        99,
        1_795_162_112_345L);
  }

  private static ByteBuffer encoded(ClaimBlock block) {
    ByteBuffer bytes = ByteBuffer.allocate(ClaimArea.BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < bytes.capacity(); i++) {
      bytes.put(i, (byte) 0xA5); // what a pooled buffer may hold
    }
    ClaimCodec.encodeInto(bytes, block);
    return bytes;
  }

  @Test
  void aBlockIsLaidOutAsTheDocumentSays() {
    ByteBuffer bytes = encoded(block("c", "n1"));
    assertThat(StandardCharsets.US_ASCII.decode(bytes.slice(0, 16)).toString())
        .isEqualTo("mirrorctl claim\n");
    assertThat(bytes.getInt(16)).isEqualTo(1);
    assertThat(bytes.getInt(24)).isEqualTo(0x5b427f44); // 44 7f 42 5b: bytes in their order
    assertThat(bytes.getInt(40)).isEqualTo(0x33221100);
    assertThat(bytes.getLong(56)).isEqualTo(17);
    assertThat(bytes.getLong(64)).isEqualTo(42);
    assertThat(bytes.getLong(72)).isEqualTo(99);
    assertThat(bytes.getLong(80)).isEqualTo(1_795_162_112_345L);
    assertThat(bytes.getInt(88)).isEqualTo(3);
    assertThat(bytes.getInt(92)).isEqualTo(1);
    assertThat(bytes.getInt(96)).isEqualTo(2000);
    assertThat(bytes.get(104)).isEqualTo((byte) 'c');
    assertThat(bytes.getShort(168)).isEqualTo((short) ('n' | '1' << 8));
    for (int i = 170; i < bytes.capacity(); i++) {
      assertThat(bytes.get(i)).as("byte %d", i).isZero();
    }
  }

  @Test
  void whatIsWrittenIsReadBack() {
    for (ClaimBlock block :
        new ClaimBlock[] {
          block("c", "n1"),
          block("", ""),
          new ClaimBlock(
              ENSEMBLE, 255, ClaimOwner.alone(ENSEMBLE, "h"), State.RELEASED, 0, 100, -1, 0)
        }) {
      assertThat(ClaimCodec.decode(encoded(block), block.slot()))
          .isEqualTo(new ClaimRead.Valid(block));
    }
  }

  @Test
  void aNameThatIsTooLongIsCutAtACharacter() {
    String longName = "ü".repeat(100);
    var read = ClaimCodec.decode(encoded(block("c".repeat(64), "x" + longName)), 3);
    assertThat(read).isEqualTo(new ClaimRead.Valid(block("c".repeat(64), "x" + "ü".repeat(63))));
  }

  @Test
  void noChangeOfABlockIsTakenForOne() {
    long seed = new SplittableRandom().nextLong();
    var random = new SplittableRandom(seed);
    for (int round = 0; round < 2000; round++) {
      ByteBuffer bytes = encoded(block("cluster", "node"));
      for (int change = random.nextInt(1, 4); change > 0; change--) {
        int at = random.nextInt(ClaimCodec.BYTES);
        bytes.put(at, (byte) (bytes.get(at) ^ 1 << random.nextInt(8)));
      }
      ClaimRead read = ClaimCodec.decode(bytes, 3);
      if (!bytes.equals(encoded(block("cluster", "node")))) { // two changes may undo each other
        assertThat(read).as("seed %d round %d", seed, round).isNotInstanceOf(ClaimRead.Valid.class);
      }
    }
  }

  @Test
  void whatIsNotOursIsNothing() {
    assertThat(ClaimCodec.decode(ByteBuffer.allocate(4096), 0))
        .isInstanceOf(ClaimRead.Absent.class);
    assertThat(ClaimCodec.decode(ByteBuffer.allocate(100), 0)).isInstanceOf(ClaimRead.Absent.class);
    ByteBuffer noise = ByteBuffer.allocate(4096);
    new java.util.Random(7).nextBytes(noise.array());
    assertThat(ClaimCodec.decode(noise, 0)).isInstanceOf(ClaimRead.Absent.class);
  }

  @Test
  void aBlockInAnotherSlotsPlaceIsCorruptAndOneOfALaterVersionIsUnsupported() {
    ByteBuffer bytes = encoded(block("c", "n"));
    assertThat(ClaimCodec.decode(bytes, 2).toString()).contains("slot is 3, expected 2");
    bytes.putInt(ClaimCodec.AT_VERSION, 2);
    ClaimRead first = ClaimCodec.decode(bytes, 3);
    assertThat(first).isInstanceOf(ClaimRead.Unsupported.class);
    bytes.putLong(ClaimCodec.AT_COUNTER, 100);
    assertThat(ClaimCodec.decode(bytes, 3)).isNotEqualTo(first);
  }
}
