package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.common.base.Ticker;
import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** The small parts of the client, each for itself. */
class ClientPartsTest {
  @Test
  void writesAreUnflushedUntilAFlushThatStartedLaterHasSucceeded() {
    var writes = new UnflushedWrites();
    assertThat(writes.exist()).isFalse();
    long early = writes.beforeFlush();
    writes.answered();
    long middle = writes.beforeFlush();
    writes.flushed(early);
    assertThat(writes.exist()).isTrue();
    writes.answered();
    writes.flushed(middle);
    assertThat(writes.exist()).isTrue();
    writes.flushed(writes.beforeFlush());
    assertThat(writes.exist()).isFalse();
    writes.flushed(middle);
    assertThat(writes.exist()).isFalse();
    writes.answered();
    writes.forget();
    assertThat(writes.exist()).isFalse();
  }

  @Test
  void coverageAgreesWithOneFlagForEachByte() throws Exception {
    for (int seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      int length = 1 + random.nextInt(40);
      var coverage = new ReadCoverage(length);
      boolean[] seen = new boolean[length];
      int missing = length;
      for (int i = 0; i < 30; i++) {
        int start = random.nextInt(length + 2) - 1;
        int size = random.nextInt(6);
        boolean fits = start >= 0 && size > 0 && start + size <= length;
        for (int at = start; fits && at < start + size; at++) {
          fits = !seen[at];
        }
        if (!fits) {
          assertThatExceptionOfType(ProtocolViolation.class)
              .as("seed %s", seed)
              .isThrownBy(() -> coverage.add(start, size));
          continue;
        }
        coverage.add(start, size);
        for (int at = start; at < start + size; at++) {
          seen[at] = true;
        }
        missing -= size;
        assertThat(coverage.complete()).as("seed %s", seed).isEqualTo(missing == 0);
      }
    }
  }

  @Test
  void extentsAreRoundedToBlocksWithoutPromisingTooMuch() {
    for (int seed = 0; seed < 2000; seed++) {
      Random random = new Random(seed);
      List<Extent> extents = new ArrayList<>();
      List<boolean[]> bytes = new ArrayList<>();
      for (int i = 0; i < 1 + random.nextInt(6); i++) {
        var extent = new Extent(1 + random.nextInt(40), random.nextBoolean(), random.nextBoolean());
        extents.add(extent);
        for (int at = 0; at < extent.length(); at++) {
          bytes.add(new boolean[] {extent.hole(), extent.zero()});
        }
      }
      List<Extent> rounded = ExtentRounding.toBlocks(extents, 16);
      int at = 0;
      for (Extent extent : rounded) {
        assertThat(extent.length() % 16).isZero();
        for (int block = 0; block < extent.length() / 16; block++, at += 16) {
          boolean hole = at + 16 <= bytes.size();
          boolean zero = hole;
          for (int i = at; i < Math.min(at + 16, bytes.size()); i++) {
            hole &= bytes.get(i)[0];
            zero &= bytes.get(i)[1];
          }
          assertThat(extent.hole()).as("seed %s", seed).isEqualTo(hole);
          assertThat(extent.zero()).as("seed %s", seed).isEqualTo(zero);
        }
      }
      assertThat(at).isEqualTo(Math.max(16, bytes.size() / 16 * 16));
    }
  }

  @Test
  void aSlotIsFoundByItsOwnCookieOnly() throws Exception {
    var slots = new RequestSlots();
    NbdRequest flush = NbdRequest.flush();
    long first = slots.add(flush, 10);
    assertThat(slots.find(first)).isSameAs(flush);
    slots.remove(first);
    assertThatExceptionOfType(ProtocolViolation.class).isThrownBy(() -> slots.find(first));
    long second = slots.add(flush, 20);
    assertThat(second).isNotEqualTo(first);
    assertThatExceptionOfType(ProtocolViolation.class).isThrownBy(() -> slots.find(first));
    assertThatExceptionOfType(ProtocolViolation.class).isThrownBy(() -> slots.find(-1));
    assertThat(slots.oldestNanos(99)).isEqualTo(20);
  }

  @Test
  void slotsAreLimitedInNumberAndInBytesButOneAlwaysFits() {
    var slots = new RequestSlots();
    var order = new ArrayList<NbdRequest>();
    for (int i = 0; i < RequestSlots.SLOTS; i++) {
      NbdRequest flush = NbdRequest.flush();
      assertThat(slots.hasRoomFor(flush)).isTrue();
      slots.add(flush, i);
      order.add(flush);
    }
    assertThat(slots.hasRoomFor(NbdRequest.flush())).isFalse();
    assertThat(slots.removeAll()).isEqualTo(order);
    assertThat(slots.isEmpty()).isTrue();
    NbdRequest large = NbdRequest.read(0, ByteBuffer.allocate(48 << 20));
    assertThat(slots.hasRoomFor(large)).isTrue();
    long cookie = slots.add(large, 0);
    assertThat(slots.hasRoomFor(large)).isFalse();
    assertThat(slots.hasRoomFor(NbdRequest.read(0, ByteBuffer.allocate(16 << 20)))).isTrue();
    slots.remove(cookie);
    assertThat(slots.hasRoomFor(large)).isTrue();
  }

  @Test
  void pausesGrowAndEndWithAGoodConnection() {
    var backoff = new Backoff(new Random(1));
    assertThat(backoff.pauseNanos()).isZero();
    long most = 0;
    for (int i = 0; i < 100; i++) {
      backoff.failed();
      long pause = backoff.pauseNanos();
      assertThat(pause).isBetween(10_000_000L, 2_000_000_000L);
      most = Math.max(most, pause);
    }
    assertThat(most).isGreaterThan(1_000_000_000L);
    backoff.ended(Duration.ofMillis(5).toNanos(), true);
    assertThat(backoff.pauseNanos()).isBetween(10_000_000L, 20_000_000L);
    backoff.ended(Duration.ofMillis(5).toNanos(), false);
    assertThat(backoff.pauseNanos()).isBetween(20_000_000L, 40_000_000L);
    backoff.ended(Duration.ofSeconds(5).toNanos(), false);
    assertThat(backoff.pauseNanos()).isZero();
  }

  private final AtomicLong now = new AtomicLong();

  /** An outage with a limit of 10 s, on a clock that stands still. */
  private Outage outage() {
    var ticker =
        new Ticker() {
          @Override
          public long read() {
            return now.get();
          }
        };
    return new Outage(ticker, Duration.ofSeconds(10));
  }

  private void pass(int seconds) {
    now.addAndGet(Duration.ofSeconds(seconds).toNanos());
  }

  private final IOException lost = new IOException("lost");
  private final IOException silent = new DeviceException(IoFailure.TIMEOUT, "silent");

  @Test
  void anOutageLastsOverSessionsOfNoUse() {
    Outage outage = outage();
    outage.sessionEnded(true, List.of(), lost);
    pass(6);
    assertThat(outage.givesUp()).isFalse();
    outage.connected();
    pass(3);
    outage.sessionEnded(false, List.of(), silent);
    assertThat(outage.givesUp()).isFalse();
    pass(1);
    assertThat(outage.givesUp()).isTrue();
    assertThat(outage.givesUp()).as("twice").isFalse();
    assertThat(outage.verdict().kind()).isEqualTo(IoFailure.TIMEOUT);
    assertThat(outage.verdict().text()).isEqualTo("no working connection for 10.0 s: silent");
    outage.connected();
    assertThat(outage.verdict()).isNull();
    outage.sessionEnded(true, List.of(), lost);
    assertThat(outage.givesUp()).isFalse();
    pass(10);
    assertThat(outage.givesUp()).isTrue();
    assertThat(outage.verdict().kind()).isEqualTo(IoFailure.GONE);
  }

  @Test
  void aRequestThatEverySessionBreaksUnderWaitsNoLongerThanOthers() {
    Outage outage = outage();
    NbdRequest poison = NbdRequest.flush();
    for (int i = 0; i < 5; i++) {
      outage.sessionEnded(true, List.of(poison, NbdRequest.flush()), lost);
      assertThat(outage.givesUp()).isFalse();
      outage.connected();
      pass(2);
    }
    outage.sessionEnded(true, List.of(poison), lost);
    assertThat(outage.givesUp()).isTrue();
  }

  @Test
  void anAttemptCutShortDoesNotHideWhatIsWrong() {
    Outage outage = outage();
    outage.sessionEnded(true, List.of(), lost);
    var refused = new IOException("refused");
    assertThat(outage.attemptFailed(refused, true)).isTrue();
    assertThat(outage.attemptFailed(refused, true)).isFalse();
    outage.attemptFailed(silent, false);
    assertThat(outage.words()).isEqualTo("refused");
    outage.attemptFailed(silent, true);
    assertThat(outage.words()).isEqualTo("silent");
  }

  @Test
  void settingsThatMakeNoSenseAreRefused() {
    NbdClientConfig sound = NbdClientConfig.DEFAULT;
    Duration second = Duration.ofSeconds(1);
    assertThatIllegalArgumentException().isThrownBy(() -> sound.withConnections(0));
    assertThatIllegalArgumentException().isThrownBy(() -> sound.withConnections(17));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sound.withTimeouts(Duration.ZERO, second));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sound.withTimeouts(second, Duration.ofNanos(1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sound.withTimeouts(second, Duration.ofDays(400_000)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> sound.withRetryLimit(Duration.ofSeconds(-1)));
    assertThat(sound.withRetryLimit(Duration.ZERO).retryLimit()).isZero();
  }
}
