package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.util.List;
import org.junit.jupiter.api.Test;

class DescriptorsTest {
  private static final Extent DATA_4K = new Extent(4096, false, false);
  private static final Extent HOLE_4K = new Extent(4096, true, true);

  private static List<Integer> of(long length, int block, int most, Extent... extents) {
    return Descriptors.of(List.of(extents), length, block, most).asList();
  }

  @Test
  void statesBecomeFlags() {
    assertThat(
            of(
                1 << 20,
                512,
                9,
                DATA_4K,
                HOLE_4K,
                new Extent(512, false, true),
                new Extent(1024, true, false)))
        .containsExactly(4096, 0, 4096, 3, 512, 2, 1024, 1);
  }

  @Test
  void neighboursOfOneStateAreJoined() {
    assertThat(of(1 << 20, 512, 9, DATA_4K, DATA_4K, HOLE_4K, HOLE_4K, HOLE_4K))
        .containsExactly(8192, 0, 12288, 3);
  }

  @Test
  void nothingBeyondTheRequestIsDescribed() {
    assertThat(of(4608, 512, 9, DATA_4K, HOLE_4K, DATA_4K)).containsExactly(4096, 0, 512, 3);
    assertThat(of(0xfffffe00L, 512, 9, new Extent(1L << 40, true, true)))
        .containsExactly((int) 0xfffffe00L, 3);
  }

  @Test
  void aBlockOfTwoStatesCountsAsData() {
    assertThat(
            of(
                16384,
                4096,
                9,
                new Extent(4096 + 512, true, true),
                new Extent(512, false, false),
                new Extent(11264, true, true)))
        .containsExactly(4096, 3, 4096, 0, 8192, 3);
    assertThat(of(8192, 4096, 9, new Extent(6144, true, true), new Extent(2048, true, true)))
        .containsExactly(4096, 3, 4096, 0);
    assertThat(of(8192, 4096, 9, new Extent(100, true, true))).containsExactly(4096, 0);
  }

  @Test
  void noMoreThanWantedAreMade() {
    assertThat(of(1 << 20, 512, 1, DATA_4K, DATA_4K, HOLE_4K)).containsExactly(8192, 0);
    assertThat(of(1 << 20, 512, 2, DATA_4K, HOLE_4K, DATA_4K)).containsExactly(4096, 0, 4096, 3);
  }
}
