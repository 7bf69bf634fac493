package io.mirrorctl.dlm.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StorePathTest {
  @ParameterizedTest
  @ValueSource(strings = {"/a", "/a/b", "/a-1/b_2/c.d", "/..a", "/a/..."})
  void pathsOfEntriesAreTakenAsTheyAre(String path) {
    assertThat(StorePath.entry(path)).isEqualTo(path);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "a/b", "/a/", "//a", "/a//b", "/.", "/a/..", "/a b", "/ä"})
  void whatIsNoPathIsRefusedAndNamed(String path) {
    assertThatThrownBy(() -> StorePath.any(path))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"" + path + "\"");
  }

  @Test
  void theRootIsAPathButNoEntry() {
    assertThat(StorePath.any("/")).isEqualTo("/");
    assertThatThrownBy(() -> StorePath.entry("/")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anEntryHasAParentAndAName() {
    assertThat(StorePath.parent("/a")).isEqualTo("/");
    assertThat(StorePath.parent("/a/b")).isEqualTo("/a");
    assertThat(StorePath.name("/a/b")).isEqualTo("b");
  }

  @Test
  void anEntryIsWithinItselfAndWhatIsAboveItButNoNeighbour() {
    assertThat(StorePath.isWithin("/a/b", "/")).isTrue();
    assertThat(StorePath.isWithin("/a/b", "/a")).isTrue();
    assertThat(StorePath.isWithin("/a", "/a")).isTrue();
    assertThat(StorePath.isWithin("/ab", "/a")).isFalse();
    assertThat(StorePath.isWithin("/a", "/a/b")).isFalse();
  }
}
