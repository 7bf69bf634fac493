package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.block.SimDisk;
import org.junit.jupiter.api.Test;

class NbdExportsTest {
  private final NbdExports exports = new NbdExports();
  private final SimDisk disk = new SimDisk("disk", 1 << 20);

  @Test
  void namesAreListedInOrderUntilTheyAreRemoved() throws InterruptedException {
    exports.add("b", disk, "");
    exports.add("a", disk, "same disk");
    assertThat(exports.names()).containsExactly("a", "b");
    assertThat(exports.remove("b")).isTrue();
    assertThat(exports.remove("b")).isFalse();
    assertThat(exports.names()).containsExactly("a");
  }

  @Test
  void aNameIsTakenOnce() {
    exports.add("a", disk, "");
    assertThatThrownBy(() -> exports.add("a", disk, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"a\"");
  }

  @Test
  void textsThatTheProtocolCannotCarryAreRefused() {
    assertThatThrownBy(() -> exports.add("a\0b", disk, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NUL");
    assertThatThrownBy(() -> exports.add("ä".repeat(2049), disk, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("4098 bytes");
    assertThatThrownBy(() -> exports.add("a", disk, "x".repeat(4097)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("description");
    assertThat(exports.names()).isEmpty();
  }
}
