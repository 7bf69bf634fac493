package io.mirrorctl.dlm.lock;

import static io.mirrorctl.dlm.lock.LockMode.CR;
import static io.mirrorctl.dlm.lock.LockMode.CW;
import static io.mirrorctl.dlm.lock.LockMode.EX;
import static io.mirrorctl.dlm.lock.LockMode.NL;
import static io.mirrorctl.dlm.lock.LockMode.PR;
import static io.mirrorctl.dlm.lock.LockMode.PW;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.lock.GrantQueue.Outcome;
import io.mirrorctl.dlm.store.Bytes;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class GrantQueueTest {
  private static final Owner A = new Owner(0, 10);
  private static final Owner B = new Owner(1, 11);
  private static final Owner C = new Owner(2, 12);
  private static final Bytes ONES = filled(1);
  private static final Bytes NOTE = Bytes.utf8("no");

  private LockRecord record = LockRecord.NEW;
  private long requests;

  private static Bytes filled(int value) {
    byte[] content = new byte[ValueBlock.BYTES];
    java.util.Arrays.fill(content, (byte) value);
    return Bytes.of(content);
  }

  private Outcome ask(Owner owner, LockMode mode) {
    return ask(owner, LockRequest.to(mode));
  }

  private Outcome ask(Owner owner, LockRequest request) {
    return apply(owner, new LockOp.Ask(request));
  }

  private Outcome apply(Owner owner, LockOp op) {
    GrantQueue.Result result = GrantQueue.apply(record, owner, ++requests, op, 0);
    record = result.record();
    return result.outcome();
  }

  private Optional<LockMode> held(Owner owner) {
    return record.of(owner).flatMap(entry -> entry.state().heldMode());
  }

  @Test
  void theReleaserGrantsTheNextWaiter() {
    ask(A, EX);
    assertThat(ask(B, PR)).isEqualTo(Outcome.QUEUED);
    ask(A, NL);
    assertThat(held(B)).contains(PR);
  }

  @Test
  void aNewRequestForNullNeverWaits() {
    ask(A, EX);
    ask(B, PR);
    assertThat(ask(C, NL)).isEqualTo(Outcome.GRANTED);
  }

  @Test
  void aNewRequestDoesNotOvertakeOneThatWaits() {
    ask(A, CR);
    ask(B, EX);
    assertThat(ask(C, CR)).isEqualTo(Outcome.QUEUED);
  }

  @Test
  void aConversionOvertakesNewRequestsThatWait() {
    ask(C, NL);
    ask(A, CR);
    ask(B, EX);
    assertThat(ask(C, PR)).isEqualTo(Outcome.GRANTED);
  }

  @Test
  void aConversionThatWaitsKeepsWhatItHolds() {
    ask(A, CR);
    ask(B, CR);
    assertThat(ask(A, EX)).isEqualTo(Outcome.QUEUED);
    assertThat(held(A)).contains(CR);
    assertThat(ask(C, LockRequest.to(EX).orBusy())).isEqualTo(Outcome.BUSY);
    ask(B, NL);
    assertThat(held(A)).contains(EX);
  }

  @Test
  void ofTwoReadersThatWantToWriteTheSecondIsRefused() {
    ask(A, CR);
    ask(B, CR);
    ask(A, EX);
    LockRecord before = record;
    assertThat(ask(B, EX)).isEqualTo(Outcome.DEADLOCK);
    assertThat(record).isSameAs(before);
    assertThat(ask(B, LockRequest.to(EX).orBusy())).isEqualTo(Outcome.BUSY);
  }

  @Test
  void aConversionBehindOneThatItHoldsUpIsRefusedThoughTheOtherDoesNotHoldItUp() {
    ask(A, CR);
    ask(B, CR);
    ask(C, PR);
    ask(A, EX);
    assertThat(ask(B, CW)).isEqualTo(Outcome.DEADLOCK);
  }

  @Test
  void aDownConversionWritesTheValueAndServesTheQueueAtOnce() {
    ask(A, EX);
    ask(B, NL);
    ask(B, CW);
    assertThat(ask(A, LockRequest.to(CW).writing(ONES))).isEqualTo(Outcome.GRANTED);
    assertThat(record.value()).isEqualTo(new ValueBlock(ONES, true));
    assertThat(held(B)).contains(CW);
  }

  @Test
  void fromProtectedWriteToItselfWritesToExclusiveReads() {
    assertThat(GrantQueue.writes(PW, PW)).isTrue();
    assertThat(GrantQueue.writes(PW, EX)).isFalse();
    for (LockMode from : LockMode.values()) {
      for (LockMode to : LockMode.values()) {
        assertThat(GrantQueue.writes(from, to))
            .as("%s to %s", from, to)
            .isEqualTo(ObviousDlm.stores(from, to));
      }
    }
  }

  @Test
  void theDeathOfAWriterTakesTheValuesValidityUntilTheNextWrite() {
    ask(A, PW);
    ask(A, LockRequest.to(PW).writing(ONES));
    ask(B, PR);
    record = GrantQueue.purge(record, A::equals, 0);
    assertThat(record.value()).isEqualTo(new ValueBlock(ONES, false));
    assertThat(held(B)).contains(PR);
    ask(B, EX);
    ask(B, LockRequest.to(NL).writing(filled(2)));
    assertThat(record.value()).isEqualTo(new ValueBlock(filled(2), true));
  }

  @Test
  void theDeathOfAReaderLeavesTheValueValid() {
    ask(A, PR);
    record = GrantQueue.purge(record, A::equals, 0);
    assertThat(record.value().valid()).isTrue();
    assertThat(record.entries()).isEmpty();
  }

  @Test
  void aWriterThatDiesWhileItConvertsWasAWriter() {
    ask(B, CR);
    ask(A, PW);
    ask(A, EX);
    record = GrantQueue.purge(record, A::equals, 0);
    assertThat(record.value().valid()).isFalse();
  }

  @Test
  void aCancelledConversionKeepsTheNoteThatCameWithIt() {
    ask(A, EX);
    ask(B, NL);
    assertThat(ask(B, LockRequest.to(PR).noting(NOTE))).isEqualTo(Outcome.QUEUED);
    assertThat(apply(B, new LockOp.Cancel())).isEqualTo(Outcome.CANCELLED);
    assertThat(held(B)).contains(NL);
    assertThat(record.of(B).orElseThrow().note()).isEqualTo(NOTE);
  }

  @Test
  void cancelLetsThroughWhatStoodBehind() {
    ask(A, PR);
    ask(B, EX);
    ask(C, PR);
    assertThat(apply(B, new LockOp.Cancel())).isEqualTo(Outcome.CANCELLED);
    assertThat(held(C)).contains(PR);
    assertThat(apply(C, new LockOp.Cancel())).isEqualTo(Outcome.NOT_QUEUED);
  }

  @Test
  void aSecondRequestWhileOneIsUnderWayIsABug() {
    ask(A, EX);
    ask(B, PR);
    assertThatThrownBy(() -> ask(B, EX)).isInstanceOf(AssertionError.class);
  }

  @Test
  void theOneInTheWayIsToldTheHighestModeThatWaits() {
    ask(A, CR);
    ask(B, CR);
    ask(C, NL);
    ask(C, EX);
    assertThat(Blocking.by(A, record).map(Blocking.Wanted::mode)).contains(EX);
    assertThat(Blocking.by(C, record)).isEmpty();
    LockRecord.Entry waiting = record.of(C).orElseThrow();
    assertThat(Blocking.of(waiting, record)).containsExactlyInAnyOrder(A, B);
  }
}
