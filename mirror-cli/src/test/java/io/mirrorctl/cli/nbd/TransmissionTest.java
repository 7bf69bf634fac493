package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.cli.nbd.RawClient.Chunk;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class TransmissionTest {
  private static final int SIZE = 40 << 20;
  private static final int FUA = Nbd.CMD_FLAG_FUA;

  private final SimDisk disk = new SimDisk("disk", SIZE);
  private TestServer server;

  @BeforeEach
  void start() {
    server = TestServer.start().with("vol", disk);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private RawClient client(boolean structured) throws IOException {
    return server.client("vol", structured);
  }

  private static byte[] pattern(int length, int seed) {
    byte[] data = new byte[length];
    new Random(seed).nextBytes(data);
    return data;
  }

  private SimOperation lastOperation() {
    return disk.log().getLast().operation();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatWasWrittenIsRead(boolean structured) throws IOException {
    try (RawClient client = client(structured)) {
      for (int length : new int[] {512, 4096, 65536, 1 << 20, 32 << 20}) {
        byte[] data = pattern(length, length);
        client.sendWrite(0, 1, 4096, data);
        assertThat(client.error(1)).isZero();
        assertThat(disk.peek(4096, length)).isEqualTo(data);
        byte[] read =
            structured ? client.structuredRead(4096, length) : client.simpleRead(4096, length);
        assertThat(read).isEqualTo(data);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void forcedUnitAccessMakesEveryChangeDurableAndIsTakenEverywhere(boolean structured)
      throws IOException {
    try (RawClient client = client(structured)) {
      client.sendWrite(FUA, 1, 0, pattern(4096, 1));
      assertThat(client.error(1)).isZero();
      assertThat(lastOperation().options()).containsExactly(WriteOption.DURABLE);
      client.sendRequest(FUA, Nbd.CMD_WRITE_ZEROES, 2, 0, 4096);
      assertThat(client.error(2)).isZero();
      assertThat(lastOperation().options()).containsExactly(WriteOption.DURABLE);
      client.sendRequest(FUA, Nbd.CMD_TRIM, 3, 0, 4096);
      assertThat(client.error(3)).isZero();
      assertThat(lastOperation().options()).containsExactly(WriteOption.DURABLE);
      client.sendRequest(FUA, Nbd.CMD_FLUSH, 4, 0, 0);
      assertThat(client.error(4)).isZero();
      client.sendRequest(FUA, Nbd.CMD_CACHE, 5, 0, 4096);
      assertThat(client.error(5)).isZero();
      client.sendRequest(FUA, Nbd.CMD_READ, 6, 0, 512);
      Chunk read = structured ? client.chunk() : null;
      if (structured) {
        assertThat(read.error()).isZero();
      } else {
        assertThat(client.simpleReply(6)).isZero();
        client.receive(512);
      }
    }
  }

  @Test
  void aWriteWithoutFlagsIsNotForced() throws IOException {
    try (RawClient client = client(false)) {
      client.sendWrite(0, 1, 0, pattern(512, 1));
      assertThat(client.error(1)).isZero();
      assertThat(lastOperation().options()).isEmpty();
      assertThat(disk.unflushedSectors()).isEqualTo(1);
      client.sendRequest(0, Nbd.CMD_FLUSH, 2, 0, 0);
      assertThat(client.error(2)).isZero();
      assertThat(disk.unflushedSectors()).isZero();
    }
  }

  @Test
  void writeZeroesPassesItsFlagsOn() throws IOException {
    try (RawClient client = client(true)) {
      client.sendWrite(0, 1, 0, pattern(1 << 20, 1));
      assertThat(client.error(1)).isZero();
      client.sendRequest(
          Nbd.CMD_FLAG_NO_HOLE | Nbd.CMD_FLAG_FAST_ZERO, Nbd.CMD_WRITE_ZEROES, 2, 4096, 8192);
      assertThat(client.error(2)).isZero();
      assertThat(lastOperation())
          .isEqualTo(
              new SimOperation(
                  SimOperation.Kind.ZERO,
                  4096,
                  8192,
                  Set.of(WriteOption.KEEP_ALLOCATED, WriteOption.FAST_ONLY)));
      assertThat(disk.peek(4096, 8192)).containsOnly(0);
      assertThat(disk.peek(0, 4096)).isEqualTo(Arrays.copyOf(pattern(1 << 20, 1), 4096));
    }
  }

  @Test
  void zeroesThatCannotBeFastAreRefusedWithNotSupported() throws IOException {
    try (RawClient client = client(true)) {
      disk.features(Set.of());
      client.sendRequest(Nbd.CMD_FLAG_FAST_ZERO, Nbd.CMD_WRITE_ZEROES, 1, 0, SIZE);
      assertThat(client.error(1)).isEqualTo(Nbd.ENOTSUP);
    }
    try (RawClient client = client(true)) {
      // not offered to this one
      client.sendRequest(Nbd.CMD_FLAG_FAST_ZERO, Nbd.CMD_WRITE_ZEROES, 1, 0, SIZE);
      assertThat(client.error(1)).isEqualTo(Nbd.EINVAL);
    }
  }

  @Test
  void trimIsADiscardAndOnlyWhereItWasOffered() throws IOException {
    try (RawClient client = client(false)) {
      client.sendRequest(0, Nbd.CMD_TRIM, 1, 8192, 4096);
      assertThat(client.error(1)).isZero();
      assertThat(lastOperation())
          .isEqualTo(new SimOperation(SimOperation.Kind.DISCARD, 8192, 4096, WriteOption.NONE));
    }
    disk.features(Set.of(DeviceFeature.DISCARD));
    try (RawClient client = client(false)) {
      client.sendRequest(0, Nbd.CMD_TRIM, 1, 8192, 4096);
      assertThat(client.error(1)).isEqualTo(Nbd.EINVAL);
    }
  }

  @Test
  void cacheReadsTheRangeAndTellsItsErrors() throws IOException {
    try (RawClient client = client(true)) {
      client.sendRequest(0, Nbd.CMD_CACHE, 1, 4096, (2 << 20) + 512);
      assertThat(client.error(1)).isZero();
      assertThat(disk.log().stream().mapToLong(l -> l.operation().length()).sum())
          .isEqualTo((2 << 20) + 512);
      disk.inject(SimFault.reads(SectorRange.ofLength(8, 1), IoFailure.MEDIUM));
      client.sendRequest(0, Nbd.CMD_CACHE, 2, 4096, 512);
      assertThat(client.error(2)).isEqualTo(Nbd.EIO);
    }
  }

  @Test
  void blockStatusDescribesHolesAndData() throws IOException {
    try (RawClient client = client(true)) {
      client.sendWrite(0, 1, 1 << 20, pattern(65536, 1));
      assertThat(client.error(1)).isZero();
      client.sendRequest(0, Nbd.CMD_BLOCK_STATUS, 2, 0, 4 << 20);
      Chunk chunk = client.chunk();
      assertThat(chunk.type()).isEqualTo(Nbd.REPLY_TYPE_BLOCK_STATUS);
      assertThat(chunk.isLast()).isTrue();
      int hole = Nbd.STATE_HOLE | Nbd.STATE_ZERO;
      assertThat(ints(chunk))
          .containsExactly(
              Negotiation.CONTEXT_ID, 1 << 20, hole, 65536, 0, (3 << 20) - 65536, hole);
      client.sendRequest(Nbd.CMD_FLAG_REQ_ONE, Nbd.CMD_BLOCK_STATUS, 3, 512, 4 << 20);
      assertThat(ints(client.chunk()))
          .containsExactly(Negotiation.CONTEXT_ID, (1 << 20) - 512, hole);
    }
  }

  private static List<Integer> ints(Chunk chunk) {
    ByteBuffer data = chunk.buffer();
    int[] values = new int[data.remaining() / 4];
    data.asIntBuffer().get(values);
    return Arrays.stream(values).boxed().toList();
  }

  @Test
  void aSparseReadSendsItsHolesAsHoles() throws IOException {
    byte[] data = pattern(1 << 20, 3);
    Arrays.fill(data, 100_000, 200_000, (byte) 0);
    Arrays.fill(data, 400_000, 401_000, (byte) 0);
    Arrays.fill(data, 900_000, 1 << 20, (byte) 0);
    try (RawClient client = client(true)) {
      client.sendWrite(0, 1, 0, data);
      assertThat(client.error(1)).isZero();
      assertThat(client.structuredRead(0, 1 << 20)).isEqualTo(data);
      assertThat(client.structuredRead(512, 100_864))
          .isEqualTo(Arrays.copyOfRange(data, 512, 101_376));

      client.sendRequest(0, Nbd.CMD_READ, 9, 0, 1 << 20);
      int holes = 0;
      Chunk chunk;
      do {
        chunk = client.chunk();
        holes += chunk.type() == Nbd.REPLY_TYPE_OFFSET_HOLE ? 1 : 0;
      } while (!chunk.isLast());
      assertThat(holes).isEqualTo(2);

      client.sendRequest(Nbd.CMD_FLAG_DF, Nbd.CMD_READ, 10, 0, 1 << 20);
      Chunk whole = client.chunk();
      assertThat(whole.type()).isEqualTo(Nbd.REPLY_TYPE_OFFSET_DATA);
      assertThat(whole.isLast()).isTrue();
      ByteBuffer content = whole.buffer();
      assertThat(content.getLong()).isZero();
      assertThat(content).isEqualTo(ByteBuffer.wrap(data));
    }
  }

  @Test
  void dontFragmentNeedsStructuredReplies() throws IOException {
    try (RawClient client = client(false)) {
      client.sendRequest(Nbd.CMD_FLAG_DF, Nbd.CMD_READ, 1, 0, 512);
      assertThat(client.simpleReply(1)).isEqualTo(Nbd.EINVAL);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void requestsOfNothingAreServedAndChangeNothing(boolean structured) throws IOException {
    try (RawClient client = client(structured)) {
      client.sendRequest(0, Nbd.CMD_WRITE, 1, 4096, 0);
      assertThat(client.error(1)).isZero();
      for (int type : new int[] {Nbd.CMD_TRIM, Nbd.CMD_WRITE_ZEROES, Nbd.CMD_CACHE}) {
        client.sendRequest(0, type, 2, SIZE, 0);
        assertThat(client.error(2)).isZero();
      }
      client.sendRequest(0, Nbd.CMD_READ, 3, 4096, 0);
      assertThat(client.error(3)).isZero();
      assertThat(disk.log()).isEmpty();
    }
  }

  /** Everything that is wrong by its header, and its error without and with structured replies. */
  @ParameterizedTest
  @CsvSource({
    // flags, type, offset, length, error
    "0, 0, 1, 512, 22", // unaligned
    "0, 0, 512, 511, 22",
    "0, 1, 256, 512, 22",
    "0, 1, 512, 100, 22",
    "0, 4, 0, 1, 22",
    "0, 6, 5, 512, 22",
    "0, 5, 5, 512, 22",
    "0, 7, 5, 512, 22",
    "0, 0, 41943040, 512, 22", // beyond the end
    "0, 0, 41942528, 1024, 22",
    "0, 1, 41943040, 512, 28",
    "0, 1, 41942528, 1024, 28",
    "0, 6, 41942528, 1024, 28",
    "0, 4, 41942528, 1024, 22",
    "0, 5, 41942528, 1024, 22",
    "0, 7, 41942528, 1024, 22",
    "0, 0, -512, 512, 22", // offset beyond all numbers
    "0, 1, -512, 512, 28",
    "0, 1, 9223372036854775296, 1024, 28",
    "0, 6, -1024, 1024, 28",
    "0, 0, 0, 33554944, 22", // too long
    "0, 1, 0, 33554944, 22",
    "0, 0, 0, 4294966784, 22",
    "2, 0, 0, 512, 22", // flags of other commands
    "8, 0, 0, 512, 22",
    "2, 1, 0, 512, 22",
    "4, 1, 0, 512, 22",
    "16, 1, 0, 512, 22",
    "32, 1, 0, 512, 22",
    "8, 6, 0, 512, 22",
    "4, 7, 0, 512, 22",
    "32768, 3, 0, 0, 22",
    "0, 3, 0, 512, 22", // a flush of a part
    "0, 3, 512, 0, 22",
    "0, 7, 0, 0, 22", // status of nothing
    "0, 8, 0, 512, 22", // unknown commands
    "0, 4711, 0, 0, 22",
    "0, 65535, -1, 4294967295, 22",
  })
  void wrongRequestsGetTheirErrorAndTheConnectionGoesOn(
      int flags, int type, long offset, long length, int error) throws IOException {
    for (boolean structured : new boolean[] {false, true}) {
      try (RawClient client = client(structured)) {
        client.sendRequest(flags, type, 42, offset, length);
        if (type == Nbd.CMD_WRITE) {
          client.send(new byte[(int) length]);
        }
        if (structured) {
          Chunk chunk = client.chunk();
          assertThat(chunk.cookie()).isEqualTo(42);
          assertThat(chunk.type()).isEqualTo(Nbd.REPLY_TYPE_ERROR);
          assertThat(chunk.isLast()).isTrue();
          assertThat(chunk.error()).isEqualTo(error);
          assertThat(chunk.errorText()).isNotBlank();
        } else {
          assertThat(client.simpleReply(42)).isEqualTo(error);
        }
        assertThat(disk.log()).isEmpty();
        client.sendWrite(0, 43, 0, new byte[512]);
        assertThat(client.error(43)).isZero();
        disk.clearLog();
      }
    }
  }

  @Test
  void anUnfragmentedReadThatIsTooLongOverflows() throws IOException {
    try (RawClient client = client(true)) {
      client.sendRequest(Nbd.CMD_FLAG_DF, Nbd.CMD_READ, 1, 0, (32 << 20) + 512);
      assertThat(client.error(1)).isEqualTo(Nbd.EOVERFLOW);
    }
  }

  @Test
  void anAbsurdWriteEndsTheConnection() throws IOException {
    try (RawClient client = client(true)) {
      client.sendRequest(0, Nbd.CMD_WRITE, 1, 0, 0xf0000000L);
      client.assertClosed();
    }
  }

  @Test
  void whatIsNoRequestEndsTheConnection() throws IOException {
    try (RawClient client = client(true)) {
      client.send(new byte[28]);
      client.assertClosed();
    }
  }

  @Test
  void aReadOnlyExportRefusesChangesAndReads() throws IOException {
    disk.features(EnumSet.of(DeviceFeature.READ_ONLY));
    try (RawClient client = client(true)) {
      client.sendWrite(0, 1, 0, new byte[4096]);
      assertThat(client.error(1)).isEqualTo(Nbd.EPERM);
      client.sendRequest(0, Nbd.CMD_TRIM, 2, 0, 4096);
      assertThat(client.error(2)).isEqualTo(Nbd.EPERM);
      client.sendRequest(0, Nbd.CMD_WRITE_ZEROES, 3, 0, 4096);
      assertThat(client.error(3)).isEqualTo(Nbd.EPERM);
      assertThat(client.structuredRead(0, 4096)).containsOnly(0);
      client.sendRequest(0, Nbd.CMD_FLUSH, 4, 0, 0);
      assertThat(client.error(4)).isZero();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "MEDIUM, 5",
    "NO_SPACE, 28",
    "GONE, 5",
    "TIMEOUT, 5",
    "VOLATILE_LOSS, 5",
    "READ_ONLY, 1",
    "BUSY, 5",
    "NOT_SUPPORTED, 22",
    "INVALID, 22",
    "CLOSED, 108",
    "OTHER, 5"
  })
  void errorsOfTheDeviceReachTheClient(IoFailure failure, int error) throws IOException {
    disk.inject(SimFault.everything(failure));
    for (boolean structured : new boolean[] {false, true}) {
      try (RawClient client = client(structured)) {
        client.sendWrite(0, 1, 0, new byte[4096]);
        assertThat(client.error(1)).isEqualTo(error);
        client.sendRequest(0, Nbd.CMD_READ, 2, 0, 4096);
        Chunk chunk = client.chunk();
        assertThat(chunk.error()).isEqualTo(error);
        if (structured) {
          assertThat(chunk.errorText()).contains("disk", "injected error");
        }
        client.sendRequest(0, Nbd.CMD_FLUSH, 3, 0, 0);
        assertThat(client.error(3)).isEqualTo(error);
        client.sendRequest(0, Nbd.CMD_WRITE_ZEROES, 4, 0, 4096);
        assertThat(client.error(4)).isEqualTo(error);
      }
    }
  }

  @Test
  void aBugInTheDeviceIsAnErrorOfTheRequestAlone() throws IOException {
    try (RawClient client = client(true)) {
      for (Throwable bug : List.of(new IllegalStateException("bug"), new AssertionError("bug"))) {
        disk.hook(_ -> {
          switch (bug) {
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> {}
          }
        });
        client.sendWrite(0, 1, 0, new byte[4096]);
        assertThat(client.error(1)).isEqualTo(Nbd.EIO);
        client.sendRequest(0, Nbd.CMD_READ, 2, 0, 4096);
        assertThat(client.chunk().error()).isEqualTo(Nbd.EIO);
      }
      disk.hook(_ -> {});
      assertThat(client.structuredRead(0, 4096)).containsOnly(0);
    }
  }

  @Test
  void aSlowRequestDoesNotHoldUpOthers() throws Exception {
    var gate = new CountDownLatch(1);
    disk.hook(operation -> {
      if (operation.offset() == 0) {
        awaitUninterruptibly(gate);
      }
    });
    try (RawClient client = client(true)) {
      client.sendWrite(0, 100, 0, new byte[4096]);
      for (int i = 1; i <= 50; i++) {
        client.sendWrite(0, i, 4096L * i, new byte[4096]);
        assertThat(client.error(i)).isZero();
      }
      gate.countDown();
      assertThat(client.error(100)).isZero();
    }
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    Uninterruptibles.awaitUninterruptibly(latch);
  }

  @Test
  void aHundredRequestsInFlightAreAllAnsweredOnce() throws IOException {
    try (RawClient client = client(true)) {
      byte[] data = pattern(100 * 4096, 7);
      for (int i = 0; i < 100; i++) {
        client.sendWrite(0, i, 4096L * i, Arrays.copyOfRange(data, 4096 * i, 4096 * (i + 1)));
      }
      var seen = new BitSet();
      for (int i = 0; i < 100; i++) {
        Chunk chunk = client.chunk();
        assertThat(chunk.error()).isZero();
        assertThat(seen.get((int) chunk.cookie())).isFalse();
        seen.set((int) chunk.cookie());
      }
      assertThat(seen.cardinality()).isEqualTo(100);
      assertThat(disk.peek(0, data.length)).isEqualTo(data);
    }
  }

  @Test
  void aGoodbyeIsGrantedOnlyWhenAllRequestsAreAnswered() throws IOException {
    var gate = new CountDownLatch(1);
    disk.hook(_ -> awaitUninterruptibly(gate));
    try (RawClient client = client(true)) {
      for (int i = 0; i < 10; i++) {
        client.sendWrite(0, i, 4096L * i, pattern(4096, i));
      }
      client.sendRequest(0, Nbd.CMD_DISC, 99, 0, 0);
      gate.countDown();
      var seen = new TreeSet<Long>();
      for (int i = 0; i < 10; i++) {
        Chunk chunk = client.chunk();
        assertThat(chunk.error()).isZero();
        seen.add(chunk.cookie());
      }
      assertThat(seen).hasSize(10);
      client.assertClosed();
    }
  }
}
