package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class BlockLedgerIT {
  private final BlockLedger ledger = new BlockLedger(1, 3, 32);

  @Test
  void anAcknowledgedWriteMustBeReadOrANewerOne() {
    var old = ledger.write(3, 1);
    ledger.acknowledged(old);
    var acknowledged = ledger.write(3, 1);
    ledger.acknowledged(acknowledged);
    var onItsWay = ledger.write(3, 1);

    assertThatCode(() -> read(3, ledger.data(acknowledged))).doesNotThrowAnyException();
    assertThatCode(() -> read(3, ledger.data(onItsWay))).doesNotThrowAnyException();
    assertThatThrownBy(() -> read(3, ledger.data(old))).hasMessageContaining("holds write 1");
    assertThatThrownBy(() -> read(3, new byte[BlockLedger.BLOCK]))
        .hasMessageContaining("holds write 0");
  }

  @Test
  void whatWasReadOnceIsNotTakenBack() {
    var acknowledged = ledger.write(0, 1);
    ledger.acknowledged(acknowledged);
    var unanswered = ledger.write(0, 1);
    read(0, ledger.data(unanswered));

    assertThatThrownBy(() -> read(0, ledger.data(acknowledged)))
        .hasMessageContaining("holds write 1");
  }

  @Test
  void aReadMayReturnWhatWasTheLastWhenItBegan() {
    var first = ledger.write(0, 2);
    ledger.acknowledged(first);
    var floor = ledger.floor(0, 2);
    var second = ledger.write(0, 2);
    ledger.acknowledged(second);

    assertThatCode(() -> ledger.check(floor, ledger.data(first), "n1")).doesNotThrowAnyException();
  }

  @Test
  void tornWithinASectorOrInAnotherPlaceIsWrong() {
    var write = ledger.write(16, 1);
    byte[] torn = ledger.data(write);
    torn[4095] ^= 1;
    byte[] elsewhere = ledger.data(ledger.write(17, 1));

    assertThatThrownBy(() -> read(16, torn)).hasMessageContaining("no whole write");
    assertThatThrownBy(() -> read(16, elsewhere)).hasMessageContaining("no whole write");
  }

  @Test
  void sectorsOfAWriteOnItsWayMayBeOldAndNew() {
    var before = ledger.write(5, 1);
    ledger.acknowledged(before);
    byte[] mixed = ledger.data(before);
    System.arraycopy(ledger.data(ledger.write(5, 1)), 512, mixed, 512, 512);

    assertThatCode(() -> read(5, mixed)).doesNotThrowAnyException();
  }

  private void read(int block, byte[] found) {
    ledger.check(ledger.floor(block, 1), found, "n1");
  }
}
