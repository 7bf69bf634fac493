package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.cli.nbd.RawClient.OptionReply;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How sessions end, and what that means for those that follow. */
@Timeout(30)
class SessionEndTest {
  private static final int SIZE = 4 << 20;

  private final SimDisk disk = new SimDisk("disk", SIZE);
  private TestServer server;

  @BeforeEach
  void start() {
    server =
        TestServer.start(config ->
                config
                    .withTimes(Duration.ofSeconds(3), Duration.ofMinutes(1), Duration.ofSeconds(20))
                    .withLimits(8, 4, 64, 64 << 20))
            .with("vol", disk);
  }

  @AfterEach
  void stop() {
    disk.hook(_ -> {});
    server.close();
  }

  private static byte[] filled(int value) {
    byte[] data = new byte[4096];
    Arrays.fill(data, (byte) value);
    return data;
  }

  private RawClient client() throws IOException {
    return server.client("vol", true);
  }

  private static boolean isWrite(SimOperation operation) {
    return operation.kind() == SimOperation.Kind.WRITE;
  }

  @Test
  void aClosedConnectionGivesUpItsWritesThatHaveNotBegun() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      client.sendWrite(0, 2, 4096, filled(2));
      hold.awaitHeld(2);
    }
    try (RawClient client = client()) {
      // had they not been given up, this connection would not have been let in
      hold.release();
      assertThat(client.structuredRead(0, 8192)).containsOnly(0);
      client.sendWrite(0, 1, 0, filled(3));
      assertThat(client.error(1)).isZero();
    }
    assertThat(disk.count(SimOperation.Kind.WRITE)).isEqualTo(1);
  }

  @Test
  void requestsBehindTheHeldOnesAreGivenUpToo() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      for (int i = 0; i < 20; i++) {
        client.sendWrite(0, i, 4096L * i, filled(1));
      }
      hold.awaitHeld(4);
    }
    hold.release();
    await().until(() -> server.server.connections() == 0);
    // the limit of four was at the device; what followed was never begun once they were done
    try (RawClient client = client()) {
      assertThat(client.structuredRead(4096 * 8, 4096 * 12)).containsOnly(0);
    }
  }

  @Test
  void aNewConnectionWaitsForTheWritesOfAClosedOne() throws Exception {
    Hold hold = Hold.uninterruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
    }
    try (RawClient second = RawClient.greeted(server.address())) {
      OptionReply refusal = second.go("vol").getLast();
      assertThat(refusal.type()).isEqualTo(Nbd.REP_ERR_POLICY);
      assertThat(refusal.text()).contains("vol", "closed connection");
      hold.release();
      assertThat(second.go("vol").getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(second.simpleRead(0, 4096)).containsOnly(1);
    }
  }

  @Test
  void aNewConnectionComesInAsSoonAsTheWritesHaveEnded() throws Exception {
    Hold hold = Hold.uninterruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
    }
    try (RawClient second = RawClient.greeted(server.address());
        var threads = Executors.newSingleThreadExecutor()) {
      var answer = CompletableFuture.supplyAsync(() -> go(second), threads);
      assertThat(answer).isNotDone();
      hold.release();
      assertThat(answer.get()).isEqualTo(Nbd.REP_ACK);
      assertThat(second.simpleRead(0, 4096)).containsOnly(1);
    }
  }

  private static int go(RawClient client) {
    try {
      return client.go("vol").getLast().type();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  @Test
  void anExportNameIsHeldBackTooAndThenTurnedAway() throws Exception {
    Hold hold = Hold.uninterruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
    }
    try (RawClient second = RawClient.greeted(server.address())) {
      second.sendOption(Nbd.OPT_EXPORT_NAME, "vol".getBytes(StandardCharsets.UTF_8));
      second.assertClosed();
    }
    hold.release();
  }

  @Test
  void readsOfAClosedConnectionHoldNobodyBack() throws Exception {
    Hold hold = Hold.uninterruptible(disk, operation -> operation.offset() == 0);
    try (RawClient client = client()) {
      client.sendRequest(0, Nbd.CMD_READ, 1, 0, 4096);
      hold.awaitHeld(1);
    }
    try (RawClient second = client()) {
      assertThat(second.structuredRead(4096, 4096)).containsOnly(0);
    }
    hold.release();
  }

  @Test
  void aConnectionThatMayBeClosedBehindItsBacklogHoldsNewOnesBack() throws Exception {
    Hold hold = Hold.uninterruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      for (int i = 0; i < 6; i++) {
        client.sendWrite(0, i, 4096L * i, filled(i + 1));
      }
      hold.awaitHeld(4);
      // the limit of requests is reached, so an end behind them would not be seen
      try (RawClient second = RawClient.greeted(server.address())) {
        assertThat(second.go("vol").getLast().type()).isEqualTo(Nbd.REP_ERR_POLICY);
        hold.release();
        for (int i = 0; i < 6; i++) {
          assertThat(client.chunk().error()).isZero();
        }
        assertThat(second.go("vol").getLast().type()).isEqualTo(Nbd.REP_ACK);
      }
    }
  }

  @Test
  void connectionsThatAreThereHoldNobodyBack() throws Exception {
    Hold hold = Hold.uninterruptible(disk, SessionEndTest::isWrite);
    try (RawClient first = client()) {
      first.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
      try (RawClient second = client();
          RawClient third = client()) {
        assertThat(second.structuredRead(4096, 4096)).containsOnly(0);
        assertThat(third.structuredRead(4096, 4096)).containsOnly(0);
        hold.release();
        assertThat(first.error(1)).isZero();
      }
    }
  }

  @Test
  void aWriteNeverLandsAfterItsConnectionWasReplaced() throws Exception {
    var random = new Random(1);
    disk.hook(operation -> {
      if (isWrite(operation) && operation.options().isEmpty()) {
        // what belongs to the first connection of a round is slow
        Uninterruptibles.sleepUninterruptibly(Duration.ofNanos(500_000 + operation.length()));
      }
    });
    for (int round = 0; round < 100; round++) {
      try (RawClient first = client()) {
        for (int i = random.nextInt(6); i >= 0; i--) {
          first.sendWrite(0, i, 0, filled(100));
        }
        if (random.nextBoolean()) {
          assertThat(first.chunk().error()).isZero();
        }
      }
      try (RawClient second = client()) {
        second.sendWrite(Nbd.CMD_FLAG_FUA, 1, 0, filled(round));
        assertThat(second.error(1)).isZero();
      }
      while (server.server.connections() > 0) {
        Thread.onSpinWait();
      }
      assertThat(disk.peek(0, 4096)).containsOnly(round);
    }
  }

  @Test
  void aGoodbyeDoesNotGiveUpWritesAndNewConnectionsWaitForThem() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
      client.sendRequest(0, Nbd.CMD_DISC, 2, 0, 0);
      try (RawClient second = RawClient.greeted(server.address())) {
        assertThat(second.go("vol").getLast().type()).isEqualTo(Nbd.REP_ERR_POLICY);
        hold.release();
        assertThat(client.error(1)).isZero();
        client.assertClosed();
        assertThat(second.go("vol").getLast().type()).isEqualTo(Nbd.REP_ACK);
        assertThat(second.simpleRead(0, 4096)).containsOnly(1);
      }
    }
  }

  @Test
  void removingAnExportFinishesItsRequestsAndThenClosesItsConnections() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client();
        RawClient idle = client();
        var threads = Executors.newSingleThreadExecutor()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
      var removal = threads.submit(() -> server.exports.remove("vol"));
      await().until(() -> server.exports.names().isEmpty());
      await()
          .untilAsserted(() -> {
            client.sendRequest(0, Nbd.CMD_READ, 2, 0, 512);
            assertThat(client.error(2)).isEqualTo(Nbd.ESHUTDOWN);
          });
      assertThat(removal.isDone()).isFalse();
      try (RawClient late = RawClient.greeted(server.address())) {
        assertThat(late.go("vol").getLast().type()).isEqualTo(Nbd.REP_ERR_UNKNOWN);
      }
      hold.release();
      assertThat(removal.get()).isTrue();
      assertThat(client.error(1)).isZero();
      client.assertClosed();
      idle.assertClosed();
      assertThat(disk.peek(0, 4096)).containsOnly(1);
    }
    assertThat(server.exports.remove("vol")).isFalse();
  }

  @Test
  void aClientThatGoesOnAndOnDoesNotKeepAnExportFromBeingRemoved() throws Exception {
    try (RawClient client = client();
        var threads = Executors.newSingleThreadExecutor()) {
      var flood =
          threads.submit(() -> {
            try {
              for (long i = 0; true; i++) {
                client.sendRequest(0, Nbd.CMD_FLUSH, i, 0, 0);
                if (i >= 3) {
                  client.chunk();
                }
              }
            } catch (IOException e) {
              return client;
            }
          });
      await().until(() -> disk.count(SimOperation.Kind.FLUSH) > 100);
      assertThat(server.exports.remove("vol", Duration.ofDays(1))).isTrue();
      assertThat(flood.get()).isSameAs(client);
    }
  }

  @Test
  void removingAnExportGivesUpWhatTakesTooLong() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient client = client()) {
      client.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
      assertThat(server.exports.remove("vol", Duration.ofMillis(50))).isTrue();
      client.receiveAll();
    }
    hold.release();
    assertThat(disk.peek(0, 4096)).containsOnly(0);
    server.with("vol", disk);
    try (RawClient client = client()) {
      assertThat(client.structuredRead(0, 4096)).containsOnly(0);
    }
  }

  @Test
  void closingTheServerFinishesRequestsAndEndsEveryConnection() throws Exception {
    Hold hold = Hold.interruptible(disk, SessionEndTest::isWrite);
    try (RawClient busy = client();
        RawClient greeted = RawClient.greeted(server.address());
        RawClient silent = RawClient.connect(server.address());
        var threads = Executors.newSingleThreadExecutor()) {
      busy.sendWrite(0, 1, 0, filled(1));
      hold.awaitHeld(1);
      var closing = threads.submit(server::close);
      greeted.assertClosed();
      silent.receiveAll();
      assertThat(closing.isDone()).isFalse();
      hold.release();
      closing.get();
      assertThat(busy.error(1)).isZero();
      busy.assertClosed();
      assertThat(disk.peek(0, 4096)).containsOnly(1);
    }
  }

  @Test
  void aClientThatVanishesInTheMiddleOfARequestLeavesNothingBehind() throws Exception {
    try (RawClient client = client()) {
      client.sendRequest(0, Nbd.CMD_WRITE, 1, 0, 1 << 20);
      client.send(new byte[1000]);
      await().until(() -> server.server.bytesInFlight() == 1 << 20);
    }
    await().until(() -> server.server.connections() == 0);
    assertThat(server.server.bytesInFlight()).isZero();
    assertThat(disk.log()).isEmpty();
  }
}
