package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class FixedTextTest {

  @Property(tries = 2000)
  void anyBytesComeBackUnchanged(@ForAll @Size(32) byte[] bytes) {
    String text = FixedText.get(ByteBuffer.wrap(bytes), 0, 32);
    byte[] again = new byte[32];
    FixedText.put(ByteBuffer.wrap(again), 0, 32, text);
    assertThat(again).isEqualTo(bytes);
  }

  @Test
  void utf8IsReadAsSuch() {
    byte[] bytes = new byte[32];
    byte[] name = "höst:größe🐢".getBytes(StandardCharsets.UTF_8);
    System.arraycopy(name, 0, bytes, 0, name.length);
    assertThat(FixedText.get(ByteBuffer.wrap(bytes), 0, 32)).isEqualTo("höst:größe🐢");
  }

  @Test
  void theRestOfTheFieldIsClearedAndNothingElse() {
    ByteBuffer buffer = ByteBuffer.wrap("0123456789".getBytes(StandardCharsets.US_ASCII));
    FixedText.put(buffer, 2, 5, "ab");
    assertThat(buffer.array()).asString(StandardCharsets.US_ASCII).isEqualTo("01ab\0\0\000789");
  }

  @Test
  void textThatIsTooLongOrBrokenIsRefused() {
    ByteBuffer buffer = ByteBuffer.allocate(8);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FixedText.put(buffer, 0, 8, "ninebytes"))
        .withMessageContaining("longer than 8 bytes");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FixedText.put(buffer, 0, 8, "a\uD83D"))
        .withMessageContaining("half of a character");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> FixedText.put(buffer, 0, 8, "\uDC41"))
        .withMessageContaining("half of a character");
  }
}
