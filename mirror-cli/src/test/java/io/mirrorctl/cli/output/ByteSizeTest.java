package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {

  @ParameterizedTest
  @CsvSource({
    "0,0",
    "512,512",
    "1k,1024",
    "64M,67108864",
    "64MiB,67108864",
    "3g,3221225472",
    "8388607T,9223370937343148032",
    "10B,10"
  })
  void unitsAreOf1024(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(new ByteSize(bytes));
  }

  @Test
  void maxIsAsLargeAsPossible() {
    assertThat(ByteSize.parse("max").isMax()).isTrue();
    assertThat(ByteSize.MAX).hasToString("max");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-1", "1.5G", "G", "1X", "1 0", "9999999999999999999", "0x10"})
  void everythingElseIsRefused(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(text);
  }

  @Test
  void aSizeThatDoesNotFitIsRefused() {
    assertThatThrownBy(() -> ByteSize.parse("8388608T")).hasMessageContaining("too large");
  }

  @ParameterizedTest
  @CsvSource({
    "0,0 bytes",
    "1,1 byte",
    "513,513 bytes",
    "1024,1 KiB",
    "67108864,64 MiB",
    "1536,1.5 KiB",
    "11010048,10.5 MiB",
    "9223372036854775807,8.0 EiB"
  })
  void peopleReadSizesInTheirUnit(long bytes, String text) {
    assertThat(ByteSize.text(bytes)).isEqualTo(text);
  }
}
