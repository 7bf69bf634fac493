package io.mirrorctl.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.store.Bytes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NodeNumbersTest {

  @Test
  void whatIsWrittenIsTextThatIsReadAgain() {
    NodeNumbers numbers = NodeNumbers.NONE.with(2, "b").with(1, "host-a.example");

    assertThat(numbers.encode().text()).isEqualTo("mirrorctl-names 1\n1 host-a.example\n2 b\n");
    assertThat(NodeNumbers.decode(numbers.encode())).isEqualTo(numbers);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "mirrorctl-names 2\n",
        "mirrorctl-names 1\n1\n",
        "mirrorctl-names 1\nx a\n",
        "mirrorctl-names 1\n0 a\n",
        "mirrorctl-names 1\n65 a\n",
        "mirrorctl-names 1\n1 a\n1 b\n",
        "mirrorctl-names 1\n1 a\n2 a\n",
        "mirrorctl-names 1\n1 a b\n"
      })
  void whatIsNotOursIsRefusedWithItsPlace(String text) {
    assertThatThrownBy(() -> NodeNumbers.decode(Bytes.utf8(text)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theLowestFreeNumberIsTheNext() {
    NodeNumbers numbers = NodeNumbers.NONE.with(1, "a").with(3, "c");
    assertThat(numbers.free()).contains(2);
    for (int number = 1; number <= NodeNumbers.HIGHEST; number++) {
      numbers = numbers.with(number, "n" + number);
    }
    assertThat(numbers.free()).isEmpty();
  }

  @Test
  void aNumberWithoutANameIsShownAsSuch() {
    NodeNumbers numbers = NodeNumbers.NONE.with(1, "a");
    assertThat(numbers.nameOf(1)).isEqualTo("a");
    assertThat(numbers.nameOf(7)).isEqualTo("#7");
    assertThat(numbers.numberOf("a")).contains(1);
    assertThat(numbers.numberOf("b")).isEmpty();
  }
}
