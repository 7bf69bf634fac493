package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NbdAddressTest {

  @Test
  void namesAddressesAndPathsAreUnderstood() {
    assertThat(NbdAddress.parse("localhost:10809"))
        .isEqualTo(new NbdAddress.Tcp("localhost", 10809));
    assertThat(NbdAddress.parse("[::1]:0")).isEqualTo(new NbdAddress.Tcp("::1", 0));
    assertThat(NbdAddress.parse(":10809")).isEqualTo(new NbdAddress.Tcp("", 10809));
    assertThat(NbdAddress.parse("unix:/run/a b:c"))
        .isEqualTo(new NbdAddress.Unix(Path.of("/run/a b:c")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost:1", "[fe80::1]:65535", ":10809", "unix:/run/x"})
  void whatIsPrintedCanBeReadAgain(String text) {
    assertThat(NbdAddress.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "localhost", "::1:5", "host:65536", "host:x", "host:-1", "unix:"})
  void whatIsNoAddressIsRefusedWithTheTextInTheMessage(String text) {
    assertThatThrownBy(() -> NbdAddress.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + text + "\"");
  }
}
