package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.HexFormat;
import java.util.UUID;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MdUuidTest {
  private static final UUID SAMPLE = UUID.fromString("447f425b-21f8-c7b7-7413-fd5d9af5dfdb");

  @Test
  void isWrittenInFourGroupsOfEightDigits() {
    assertThat(MdUuid.format(SAMPLE)).isEqualTo("447f425b:21f8c7b7:7413fd5d:9af5dfdb");
  }

  @Test
  void theBytesOnDiskAreInTheOrderOfTheDigits() {
    assertThat(HexFormat.of().formatHex(MdUuid.toBytes(SAMPLE)))
        .isEqualTo("447f425b21f8c7b77413fd5d9af5dfdb");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "447f425b:21f8c7b7:7413fd5d:9af5dfdb",
        "447F425B-21F8-C7B7-7413-FD5D9AF5DFDB",
        "447f425b.21f8c7b7.7413fd5d.9af5dfdb",
        "447f425b21f8c7b77413fd5d9af5dfdb"
      })
  void everyUsualNotationIsRead(String text) {
    assertThat(MdUuid.parse(text)).isEqualTo(SAMPLE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "447f425b:21f8c7b7:7413fd5d:9af5dfd",
        "447f425b:21f8c7b7:7413fd5d:9af5dfdbb",
        "447f425b:21f8c7b7:7413fd5d:9af5dfdg",
        "447f425b:21f8c7b7:7413fd5d:9af5dfd\u0661"
      })
  void otherTextIsRefusedByName(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MdUuid.parse(text))
        .withMessageContaining("\"" + text + "\" is no UUID");
  }

  @Test
  void aUuidHas16Bytes() {
    assertThatIllegalArgumentException().isThrownBy(() -> MdUuid.fromBytes(new byte[17]));
  }

  @Property(tries = 200)
  void everyUuidComesBackFromTextAndFromBytes(@ForAll long high, @ForAll long low) {
    UUID uuid = new UUID(high, low);
    assertThat(MdUuid.parse(MdUuid.format(uuid))).isEqualTo(uuid);
    assertThat(MdUuid.fromBytes(MdUuid.toBytes(uuid))).isEqualTo(uuid);
  }
}
