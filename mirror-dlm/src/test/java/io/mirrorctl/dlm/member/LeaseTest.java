package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Ticker;
import io.mirrorctl.core.env.Env;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeaseTest {
  private static final Duration LENGTH = Duration.ofSeconds(6);

  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1_000);
  private final AtomicLong wallMillis = new AtomicLong(1_000_000);
  private final Lease lease =
      new Lease(
          new Env(
              new Ticker() {
                @Override
                public long read() {
                  return nanos.get();
                }
              },
              () -> Instant.ofEpochMilli(wallMillis.get()),
              RandomGenerator.getDefault(),
              Runnable::run,
              new ScheduledThreadPoolExecutor(0)));

  @BeforeEach
  void fix() {
    lease.fix(LENGTH);
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
    wallMillis.addAndGet(time.toMillis());
  }

  @Test
  void nothingIsAllowedBeforeTheFirstRenewalIsAnswered() {
    assertThat(lease.isValid()).isFalse();
    assertThat(lease.remaining()).isZero();
  }

  @Test
  void itCountsFromTheMomentTheRenewalWasSentNotAnswered() {
    Lease.Sent sent = lease.now();
    pass(Duration.ofSeconds(4));
    lease.renewed(sent);
    assertThat(lease.remaining()).isEqualTo(Duration.ofSeconds(2));
    pass(Duration.ofMillis(1_999));
    assertThat(lease.isValid()).isTrue();
    pass(Duration.ofMillis(1));
    assertThat(lease.isValid()).isFalse();
  }

  @Test
  void theMonotonicClockAloneEndsIt() {
    lease.renewed(lease.now());
    nanos.addAndGet(LENGTH.toNanos());
    assertThat(lease.isValid()).isFalse();
  }

  @Test
  void aWallClockThatJumpsAheadEndsItUntilTheNextRenewal() {
    lease.renewed(lease.now());
    wallMillis.addAndGet(LENGTH.toMillis());
    assertThat(lease.isValid()).isFalse();
    lease.renewed(lease.now());
    assertThat(lease.isValid()).isTrue();
  }

  @Test
  void aWallClockThatWasSetBackEndsItUntilTheNextRenewal() {
    lease.renewed(lease.now());
    wallMillis.addAndGet(-1);
    assertThat(lease.isValid()).isFalse();
    lease.renewed(lease.now());
    assertThat(lease.isValid()).isTrue();
  }

  @Test
  void aWallClockThatWasSetBackDoesNotMakeItLonger() {
    lease.renewed(lease.now());
    nanos.addAndGet(LENGTH.toNanos());
    wallMillis.addAndGet(10);
    assertThat(lease.isValid()).isFalse();
  }

  @Test
  void afterTheEndForGoodARenewalChangesNothing() {
    lease.renewed(lease.now());
    lease.end();
    lease.renewed(lease.now());
    assertThat(lease.isValid()).isFalse();
  }
}
