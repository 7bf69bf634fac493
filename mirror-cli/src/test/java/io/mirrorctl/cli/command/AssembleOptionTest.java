package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AssembleOptionTest {

  private static AssembleOption parse(String text) {
    return AssembleOption.parse(text);
  }

  @Test
  void disksAreSeparatedByCommas() {
    assertThat(parse("m=a,/b"))
        .satisfies(option -> {
          assertThat(option.name()).isEqualTo("m");
          assertThat(option.disks()).containsExactly("a", "/b");
        });
  }

  @Test
  void anEqualsSignInADiskIsPartOfIt() {
    String url = "nbd+unix:///e?socket=/run/a=b";

    assertThat(parse("m=" + url + ",x=y").disks()).containsExactly(url, "x=y");
  }

  @Test
  void aBackslashKeepsACommaOrBackslash() {
    assertThat(parse("m=/a\\,b,/c\\\\,/d\\,").disks()).containsExactly("/a,b", "/c\\", "/d,");
  }

  @ParameterizedTest
  @ValueSource(strings = {"m", "m=", "=a", "m=a\\", "m=a\\b", "m=\\=b"})
  void whatIsNoSuchListIsRefusedWithWhatWasTyped(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> parse(text))
        .withMessageStartingWith("--assemble takes ")
        .withMessageEndingWith(", not " + text);
  }
}
