package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.ForwardingDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a client can take from a server, and from other clients, at most. */
@Timeout(30)
class LimitsTest {
  private static final int MEBIBYTE = 1 << 20;

  private final SimDisk disk = new SimDisk("disk", 64 << 20);

  @Test
  void connectionsBeyondTheLimitAreClosedAndPlacesAreUsedAgain() throws Exception {
    try (var server = TestServer.start(c -> c.withLimits(2, 4, 8, 64 << 20)).with("vol", disk)) {
      try (RawClient first = server.client("vol", true);
          RawClient second = RawClient.greeted(server.address());
          RawClient third = RawClient.connect(server.address())) {
        third.assertClosed();
        assertThat(first.structuredRead(0, 512)).containsOnly(0);
        assertThat(second.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
      }
      await().until(() -> server.server.connections() == 0);
      server.client("vol", true).close();
    }
  }

  @Test
  void aClientThatDoesNotFinishItsHandshakeIsClosed() throws Exception {
    try (var server =
            TestServer.start(c ->
                c.withTimes(Duration.ofMillis(300), Duration.ofMinutes(1), Duration.ofSeconds(1)));
        RawClient silent = RawClient.connect(server.address());
        RawClient halfway = RawClient.greeted(server.address())) {
      silent.greeting();
      silent.assertClosed();
      halfway.assertClosed();
      await().until(() -> server.server.connections() == 0);
    }
  }

  @Test
  void aSessionMayBeIdleForLongerThanAnyLimit() throws Exception {
    try (var server =
            TestServer.start(c ->
                    c.withTimes(
                        Duration.ofMillis(300), Duration.ofMillis(50), Duration.ofSeconds(1)))
                .with("vol", disk);
        RawClient idle = server.client("vol", true)) {
      // another one passes all limits in the meantime
      try (RawClient silent = RawClient.connect(server.address())) {
        silent.greeting();
        silent.assertClosed();
      }
      assertThat(idle.structuredRead(0, 512)).containsOnly(0);
    }
  }

  @Test
  void aClientThatStopsInTheMiddleOfARequestIsClosed() throws Exception {
    try (var server = stalling();
        RawClient inHeader = server.client("vol", true);
        RawClient inPayload = server.client("vol", true);
        RawClient inRefused = server.client("vol", true)) {
      inHeader.send(new byte[] {0x25});
      inPayload.sendRequest(0, Nbd.CMD_WRITE, 1, 0, 4096);
      inPayload.send(new byte[100]);
      inRefused.sendRequest(0, Nbd.CMD_WRITE, 1, 1, 4096);
      inHeader.assertClosed();
      inPayload.assertClosed();
      inRefused.assertClosed();
      await().until(() -> server.server.connections() == 0);
      assertThat(server.server.bytesInFlight()).isZero();
      assertThat(disk.log()).isEmpty();
    }
  }

  private TestServer stalling() {
    return TestServer.start(
            c -> c.withTimes(Duration.ofMinutes(1), Duration.ofSeconds(1), Duration.ofSeconds(1)))
        .with("vol", disk);
  }

  @Test
  void aClientThatDoesNotTakeItsRepliesIsClosedAndOthersAreServed() throws Exception {
    try (var server = stalling();
        RawClient greedy = server.client("vol", false);
        RawClient other = server.client("vol", true)) {
      for (int i = 0; i < 8; i++) {
        greedy.sendRequest(0, Nbd.CMD_READ, i, 0, 4 * MEBIBYTE);
      }
      await().until(() -> server.server.bytesInFlight() > 0);
      assertThat(other.structuredRead(0, MEBIBYTE)).containsOnly(0);
      await().until(() -> server.server.connections() == 1);
      await().until(() -> server.server.bytesInFlight() == 0);
    }
  }

  @Test
  void payloadInMemoryIsBoundedAndEveryClientHasItsTurn() throws Exception {
    long limit = 64L * MEBIBYTE;
    Hold hold = Hold.uninterruptible(disk, o -> o.kind() == SimOperation.Kind.READ);
    try (var server = TestServer.start(c -> c.withLimits(8, 128, 512, limit)).with("vol", disk);
        RawClient hog = server.client("vol", false);
        RawClient second = server.client("vol", false);
        RawClient third = server.client("vol", false)) {
      for (RawClient client : List.of(hog, second)) {
        for (int i = 0; i < 50; i++) {
          client.sendRequest(0, Nbd.CMD_READ, i, 0, MEBIBYTE);
        }
      }
      // a connection's share is one largest request here, so two of them fill the limit
      hold.awaitHeld(64);
      assertThat(server.server.bytesInFlight()).isEqualTo(limit);
      third.sendWrite(0, 1, 0, new byte[MEBIBYTE]);
      assertThat(third.simpleReply(1)).isZero();
      assertThat(server.server.bytesInFlight()).isEqualTo(limit);
      hold.release();
      for (RawClient client : List.of(hog, second)) {
        for (int i = 0; i < 50; i++) {
          assertThat(client.receive(16).getInt(4)).isZero();
          client.receive(MEBIBYTE);
        }
      }
      await().until(() -> server.server.bytesInFlight() == 0);
    }
  }

  @Test
  void requestsBeyondTheLimitOfAConnectionWaitForTheirTurn() throws Exception {
    try (var server =
            TestServer.start(c -> c.withLimits(8, 4, 64, 64L * MEBIBYTE)).with("vol", disk);
        RawClient client = server.client("vol", false)) {
      Hold hold = Hold.uninterruptible(disk, o -> true);
      for (int i = 0; i < 10; i++) {
        client.sendWrite(0, i, 4096L * i, new byte[512]);
      }
      hold.awaitHeld(4);
      assertThat(server.server.bytesInFlight()).isEqualTo(4 * 4096);
      hold.release();
      Set<Long> answered = new HashSet<>();
      for (int i = 0; i < 10; i++) {
        RawClient.Chunk reply = client.chunk();
        assertThat(reply.error()).isZero();
        answered.add(reply.cookie());
      }
      assertThat(answered).hasSize(10);
    }
  }

  @Test
  void withoutAnyExtraThreadOneThreadServesEverything() throws Exception {
    try (var server =
            TestServer.start(c -> c.withLimits(8, 16, 0, 64L * MEBIBYTE)).with("vol", disk);
        RawClient client = server.client("vol", false)) {
      for (int i = 0; i < 100; i++) {
        client.sendWrite(0, i, 512L * i, new byte[512]);
      }
      for (int i = 0; i < 100; i++) {
        assertThat(client.error(i)).isZero(); // in order, as one thread cannot do otherwise
      }
    }
  }

  @Test
  void aClientOfOneRequestAtATimeMayStillSendASecondOneBehindASlowOne() throws Exception {
    try (var server = TestServer.start().with("vol", disk);
        RawClient client = server.client("vol", false)) {
      for (int i = 0; i < 100; i++) {
        client.sendWrite(0, i, 0, new byte[512]);
        assertThat(client.error(i)).isZero();
      }
      Hold hold = Hold.uninterruptible(disk, o -> o.offset() == 0);
      client.sendWrite(0, 100, 0, new byte[512]);
      hold.awaitHeld(1);
      client.sendWrite(0, 101, 4096, new byte[512]);
      assertThat(client.error(101)).isZero();
      hold.release();
      assertThat(client.error(100)).isZero();
    }
  }

  @Test
  void aDeviceOfShortRequestsIsServedInPieces() throws Exception {
    var shortOnes = new Resized(disk, disk.sizeBytes(), 8192);
    try (var server = TestServer.start().with("vol", shortOnes);
        RawClient client = server.client("vol", true)) {
      byte[] data = new byte[100 * 512];
      Arrays.fill(data, (byte) 9);
      client.sendWrite(Nbd.CMD_FLAG_FUA, 1, 512, data);
      assertThat(client.error(1)).isZero();
      assertThat(client.structuredRead(512, data.length)).isEqualTo(data);
      assertThat(disk.log())
          .allSatisfy(logged -> assertThat(logged.operation().length()).isLessThanOrEqualTo(8192));
      assertThat(disk.count(SimOperation.Kind.WRITE)).isEqualTo(7);
      assertThat(disk.unflushedSectors()).isZero();
    }
  }

  @Test
  void newConnectionsSeeTheNewSizeOfADeviceThatHasGrown() throws Exception {
    var growing = new Resized(disk, 1 << 20, 32 << 20);
    try (var server = TestServer.start().with("vol", growing);
        RawClient before = server.client("vol", false)) {
      before.sendRequest(0, Nbd.CMD_READ, 1, 1 << 20, 512);
      assertThat(before.error(1)).isEqualTo(Nbd.EINVAL);
      growing.size = 2 << 20;
      try (RawClient after = RawClient.greeted(server.address())) {
        var replies = after.go("vol");
        assertThat(replies.get(replies.size() - 2).buffer().getLong(2)).isEqualTo(2 << 20);
        assertThat(after.simpleRead(1 << 20, 512)).containsOnly(0);
      }
    }
  }

  /** A disk that shows another size and another longest request. */
  private static final class Resized extends ForwardingDevice {
    private volatile long size;
    private final int longest;

    Resized(SimDisk disk, long size, int longest) {
      super(disk);
      this.size = size;
      this.longest = longest;
    }

    @Override
    public long sizeBytes() {
      return size;
    }

    @Override
    public BlockSizes blockSizes() {
      return new BlockSizes(512, 4096, longest);
    }
  }
}
