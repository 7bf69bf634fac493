package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AlignedBuffersTest {
  private final AlignedBuffers buffers = new AlignedBuffers(64 << 10);

  @Test
  void everySizeIsDirectAlignedAndExact() {
    for (int bytes : new int[] {1, 511, 4096, 4097, 65536, (1 << 20) + 1, AlignedBuffers.LARGEST}) {
      ByteBuffer buffer = buffers.acquire(bytes);
      assertThat(buffer.isDirect()).isTrue();
      assertThat(buffer.alignmentOffset(0, AlignedBuffers.ALIGNMENT)).isZero();
      assertThat(buffer.position()).isZero();
      assertThat(buffer.remaining()).isEqualTo(bytes);
    }
  }

  @Test
  void sizesOutsideTheRangeAreRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> buffers.acquire(0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> buffers.acquire(AlignedBuffers.LARGEST + 1));
  }

  @Test
  void aReleasedBufferIsUsedAgainAsIfNew() {
    ByteBuffer first = buffers.acquire(5000);
    first.order(ByteOrder.LITTLE_ENDIAN).position(17);
    buffers.release(first);
    assertThat(buffers.idleBytes()).isEqualTo(8192);
    ByteBuffer second = buffers.acquire(8000);
    assertThat(second).isSameAs(first);
    assertThat(second.order()).isEqualTo(ByteOrder.BIG_ENDIAN);
    assertThat(second.position()).isZero();
    assertThat(second.remaining()).isEqualTo(8000);
    assertThat(buffers.idleBytes()).isZero();
  }

  @Test
  void idleMemoryIsBounded() {
    List<ByteBuffer> taken = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      taken.add(buffers.acquire(4096));
      taken.add(buffers.acquire(16384));
    }
    for (ByteBuffer buffer : taken) {
      buffers.release(buffer);
      assertThat(buffers.idleBytes()).isLessThanOrEqualTo(64 << 10);
    }
    assertThat(buffers.idleBytes()).isGreaterThan(32 << 10);
  }

  @Test
  void aBufferGivenBackTwiceIsABug() {
    ByteBuffer buffer = buffers.acquire(4096);
    buffers.release(buffer);
    assertThatThrownBy(() -> buffers.release(buffer))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("released twice");
  }

  @Test
  void strangersAreNotTaken() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> buffers.release(ByteBuffer.allocate(4096)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> buffers.release(buffers.acquire(8192).slice(0, 8191)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> buffers.release(buffers.acquire(8192).slice(512, 4096)));
  }

  @Test
  void noTwoUsersHaveOneBuffer() throws Exception {
    BlockDeviceContract.inParallel(
        4,
        thread -> {
          for (int i = 0; i < 2000; i++) {
            ByteBuffer buffer = buffers.acquire(4096);
            buffer.putInt(0, thread);
            if (i % 8 == 0) {
              Thread.onSpinWait();
            }
            assertThat(buffer.getInt(0)).isEqualTo(thread);
            buffers.release(buffer);
          }
          return null;
        });
  }
}
