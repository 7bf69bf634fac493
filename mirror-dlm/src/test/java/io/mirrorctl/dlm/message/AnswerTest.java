package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.dlm.store.Bytes;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AnswerTest {

  @Test
  void acceptanceIsNoNoteAtAll() {
    assertThat(Answer.encode(new Answer.Accepted())).isEqualTo(Bytes.EMPTY);
    assertThat(Answer.decode(Bytes.EMPTY)).isEqualTo(new Answer.Accepted());
  }

  @Test
  void aRefusalIsItsReason() {
    var refused = new Answer.Refused("disk 5 not found on node-b");

    assertThat(Answer.encode(refused)).isEqualTo(Bytes.utf8("disk 5 not found on node-b"));
    assertThat(Answer.decode(Answer.encode(refused))).isEqualTo(refused);
  }

  @Test
  void membersThatFailTooAreAByte1AndABitEach() {
    var failing = new Answer.AlsoFailing(Bits256.of(0, 9, 255));
    String hex = "01" + "0102" + "00".repeat(29) + "80";

    assertThat(Answer.encode(failing)).hasToString(hex);
    assertThat(Answer.decode(Bytes.of(HexFormat.of().parseHex(hex)))).isEqualTo(failing);
  }

  @Test
  void aReasonIsCutBetweenCharactersAndCleaned() {
    assertThat(Answer.refused("ä".repeat(30)).reason()).isEqualTo("ä".repeat(18));
    assertThat(Answer.refused("x" + "€".repeat(20)).reason()).isEqualTo("x" + "€".repeat(11));
    assertThat(Answer.refused("a\nb\0c\ud800d").reason()).isEqualTo("a?b?c?d");
    assertThat(Answer.refused("").reason()).isEqualTo("no reason given");
  }

  @Test
  void aReasonThatIsTooLongOrNoTextIsNotTaken() {
    for (String reason : new String[] {"", "x".repeat(37), "ä".repeat(19), "\u0001", "\ud800"}) {
      assertThatIllegalArgumentException().isThrownBy(() -> new Answer.Refused(reason));
    }
  }

  @Test
  void anyNoteIsReadAndOneThatNobodyWritesIsARefusal() {
    long seed = Long.getLong("message.seed", 20261120);
    var random = new SplittableRandom(seed);
    for (int i = 0; i < 100_000; i++) {
      byte[] note = new byte[1 + random.nextInt(Answer.MAX_BYTES)];
      random.nextBytes(note);
      if (random.nextBoolean()) {
        note[0] = 1;
      }
      Answer read = Answer.decode(Bytes.of(note));
      if (read instanceof Answer.AlsoFailing) {
        assertThat(Answer.encode(read)).as("seed %d", seed).isEqualTo(Bytes.of(note));
      } else {
        assertThat(read).as("seed %d", seed).isInstanceOf(Answer.Refused.class);
      }
    }
  }
}
