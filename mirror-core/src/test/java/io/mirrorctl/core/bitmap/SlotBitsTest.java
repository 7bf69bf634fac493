package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SlotBitsTest {

  private static ByteBuffer encode(SlotBits bits, int page) {
    ByteBuffer into = ByteBuffer.allocate(BitmapPage.BYTES);
    java.util.Arrays.fill(into.array(), 256, BitmapPage.BYTES, (byte) 0x55);
    bits.encode(page, into);
    return into;
  }

  @Test
  void chunkIsBitOfByteBehindTheHeader() {
    SlotBits bits = new SlotBits(100);
    bits.set(0);
    bits.set(11);
    bits.set(99);
    ByteBuffer page = encode(bits, 0);
    assertThat(page.get(256)).isEqualTo((byte) 0x01);
    assertThat(page.get(257)).isEqualTo((byte) 0x08);
    assertThat(page.get(256 + 12)).isEqualTo((byte) 0x08);
    BitSet all = BitSet.valueOf(page.slice(256, BitmapPage.BYTES - 256));
    assertThat(all.cardinality()).isEqualTo(3);
  }

  @Test
  void aPageHolds30720ChunksBehindTheHeaderAndTheOthers32768() {
    assertThat(new SlotBits(30720).pages()).isEqualTo(1);
    assertThat(new SlotBits(30721).pages()).isEqualTo(2);
    assertThat(new SlotBits(30720 + 32768).pages()).isEqualTo(2);
    assertThat(new SlotBits(30720 + 32768 + 1).pages()).isEqualTo(3);
    assertThat(SlotBits.pageOf(30719)).isEqualTo(0);
    assertThat(SlotBits.pageOf(30720)).isEqualTo(1);

    SlotBits bits = new SlotBits(70000);
    bits.set(30719);
    bits.set(30720);
    bits.set(30720 + 32768);
    assertThat(encode(bits, 0).get(4095)).isEqualTo((byte) 0x80);
    assertThat(encode(bits, 1).get(0)).isEqualTo((byte) 0x01);
    assertThat(encode(bits, 2).get(0)).isEqualTo((byte) 0x01);
  }

  @Test
  void bitsBehindTheLastChunkAreNeverSet() {
    SlotBits bits = new SlotBits(70);
    assertThat(bits.merge(1, -1L)).isEqualTo(0x3f);
    assertThat(bits.count()).isEqualTo(6);
    ByteBuffer page = encode(bits, 0);
    assertThat(page.get(256 + 8)).isEqualTo((byte) 0x3f);
    assertThat(page.slice(256 + 9, BitmapPage.BYTES - 256 - 9))
        .isEqualTo(ByteBuffer.allocate(BitmapPage.BYTES - 256 - 9));
  }

  @Test
  void aBitIsStableFromTheLandingOfItsImageToTheMakingOfOneWithoutIt() {
    SlotBits bits = new SlotBits(70);
    bits.set(3);
    assertThat(bits.areStable(3, 3)).isFalse();
    ByteBuffer with = encode(bits, 0);
    bits.set(4);
    bits.landed(0, with);
    assertThat(bits.areStable(3, 3)).isTrue();
    assertThat(bits.areStable(4, 4)).isFalse();
    assertThat(bits.areStable(3, 4)).isFalse();
    bits.clear(3);
    assertThat(bits.areStable(3, 3)).isTrue();
    encode(bits, 0);
    assertThat(bits.areStable(3, 3)).isFalse();
  }

  @Test
  void aBitSetWhileAnImageWithoutItIsOutIsNotStableWhenThatLands() {
    SlotBits bits = new SlotBits(70);
    ByteBuffer without = encode(bits, 0);
    bits.set(3);
    bits.landed(0, without);
    assertThat(bits.areStable(3, 3)).isFalse();
  }

  @Test
  void shrinkingForgetsTheBitsBehindForGood() {
    SlotBits bits = new SlotBits(200);
    bits.set(60);
    bits.set(70);
    bits.set(130);
    ByteBuffer old = encode(bits, 0);
    bits.landed(0, old);
    bits.resize(66);
    assertThat(bits.count()).isEqualTo(1);
    bits.landed(0, old);
    bits.resize(200);
    assertThat(bits.get(60)).isTrue();
    assertThat(bits.areStable(60, 60)).isTrue();
    assertThat(bits.get(70)).isFalse();
    assertThat(bits.areStable(70, 70)).isFalse();
    assertThat(bits.areStable(130, 130)).isFalse();
  }

  @Property(tries = 200)
  void findsSetAndClearBitsLikeABitSet(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 400) int chunks) {
    Random random = new Random(seed);
    SlotBits bits = new SlotBits(chunks);
    BitSet model = new BitSet();
    for (int i = 0; i < chunks; i++) {
      int chunk = random.nextInt(chunks);
      if (random.nextInt(4) == 0) {
        bits.clear(chunk);
        model.clear(chunk);
      } else {
        bits.set(chunk);
        model.set(chunk);
      }
    }
    assertThat(bits.count()).isEqualTo(model.cardinality());
    for (int from = 0; from <= chunks; from++) {
      int set = model.nextSetBit(from);
      assertThat(bits.nextSet(from)).isEqualTo(set < 0 ? chunks : set);
      assertThat(bits.nextClear(from)).isEqualTo(Math.min(chunks, model.nextClearBit(from)));
    }
  }
}
