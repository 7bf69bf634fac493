package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class LockModeTest {

  /** Rows and columns NL CR CW PR PW EX. */
  private static final String[] MATRIX = {
    "111111", "111110", "111000", "110100", "110000", "100000"
  };

  @Test
  void compatibilityIsTheMatrixOfTheDlm() {
    LockMode[] modes = LockMode.values();
    for (int held = 0; held < modes.length; held++) {
      for (int asked = 0; asked < modes.length; asked++) {
        assertThat(modes[held].isCompatibleWith(modes[asked]))
            .as("%s held, %s asked", modes[held], modes[asked])
            .isEqualTo(MATRIX[held].charAt(asked) == '1');
      }
    }
  }
}
