package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpAddressTest {
  @ParameterizedTest
  @CsvSource({
    "9100, 127.0.0.1:9100, false",
    ":9100, 127.0.0.1:9100, false",
    "localhost:0, localhost:0, false",
    "[::1]:80, [::1]:80, false",
    "0.0.0.0:9100, 0.0.0.0:9100, true",
    "[::]:9100, [::]:9100, true"
  })
  void withoutAHostItIsForThisHostOnly(String text, String address, boolean open) {
    assertThat(HttpAddress.parse(text)).hasToString(address);
    assertThat(HttpAddress.parse(text).isOpenToOthers()).isEqualTo(open);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "host", "unix:/run/x", "host:70000", "::1:80", "http://x:1/"})
  void everythingElseIsRefusedWithWhatIsExpected(String text) {
    assertThatThrownBy(() -> HttpAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + text + "\" is none of host:port");
  }
}
