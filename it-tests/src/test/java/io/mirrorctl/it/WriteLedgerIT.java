package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** The judge of the crash tests must itself be right. */
class WriteLedgerIT {
  private final WriteLedger ledger = new WriteLedger(4L * WriteLedger.BLOCK);
  private final long[] found = new long[4 * WriteLedger.BLOCK / WriteLedger.SECTOR];

  @Test
  void aLostWriteThatNobodyWasPromisedIsFine() {
    ledger.completed(ledger.write(0, 1), false);

    assertThat(ledger.violations(found)).isEmpty();
  }

  @Test
  void aLostFuaWriteIsFound() {
    ledger.completed(ledger.write(1, 1), true);

    assertThat(ledger.violations(found)).singleElement().asString().startsWith("sector 8 holds");
  }

  @Test
  void aWriteThatCompletedBeforeAFlushWasSentMustBeThere() {
    ledger.completed(ledger.write(0, 1), false);
    ledger.flushed(ledger.flushing());

    assertThat(ledger.violations(found)).hasSize(1);
  }

  @Test
  void aWriteThatCompletedWhileAFlushWasUnderWayMayBeLost() {
    var write = ledger.write(0, 1);
    long flush = ledger.flushing();
    ledger.completed(write, false);
    ledger.flushed(flush);

    assertThat(ledger.violations(found)).isEmpty();
  }

  @Test
  void aFlushThatDidNotCompletePromisesNothing() {
    ledger.completed(ledger.write(0, 1), false);
    ledger.flushing();

    assertThat(ledger.violations(found)).isEmpty();
  }

  @Test
  void anOlderWriteThanTheDurableOneIsFoundAndANewerOneIsFine() {
    var old = ledger.write(0, 1);
    ledger.completed(old, false);
    ledger.completed(ledger.write(0, 1), true);
    var newer = ledger.write(0, 1);

    assertThat(ledger.violations(holding(old))).hasSize(1);
    assertThat(ledger.violations(holding(newer))).isEmpty();
  }

  @Test
  void writesThatWereInFlightTogetherMayStandInEitherOrder() {
    var one = ledger.write(0, 1);
    var other = ledger.write(0, 1);
    ledger.completed(one, true);
    ledger.completed(other, true);

    assertThat(ledger.violations(holding(one))).isEmpty();
    assertThat(ledger.violations(holding(other))).isEmpty();
  }

  @Test
  void whatIsSettledMustStay() {
    var write = ledger.write(0, 1);
    ledger.settle(holding(write));

    assertThat(ledger.violations(found)).hasSize(1);
    assertThat(ledger.violations(holding(write))).isEmpty();
  }

  @Test
  void zeroesAreAWriteToo() {
    ledger.settle(holding(ledger.write(0, 1)));
    ledger.completed(ledger.zero(0, 1), true);

    assertThat(ledger.violations(found)).isEmpty();
  }

  @Test
  void aTornSectorAndOneInTheWrongPlaceAreFound() {
    byte[] data = ledger.write(1, 1).data();
    assertThat(WriteLedger.contents(data, 8)).containsOnly(1);
    assertThatThrownBy(() -> WriteLedger.contents(data, 9)).isInstanceOf(AssertionError.class);

    data[600] ^= 1;
    assertThatThrownBy(() -> WriteLedger.contents(data, 8))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("sector 9");
  }

  private static long[] holding(WriteLedger.Write write) {
    long[] contents = new long[4 * WriteLedger.BLOCK / WriteLedger.SECTOR];
    long[] written = WriteLedger.contents(write.data(), write.offset() / WriteLedger.SECTOR);
    System.arraycopy(written, 0, contents, (int) (write.offset() / WriteLedger.SECTOR), 8);
    return contents;
  }
}
