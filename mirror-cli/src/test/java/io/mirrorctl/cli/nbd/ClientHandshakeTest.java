package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.common.base.Ticker;
import io.mirrorctl.cli.nbd.RecordedServer.Words;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClientHandshakeTest {
  private static final long SIZE = 1 << 30;
  private static final int FLAGS = FakeServer.ALL_FLAGS;

  @TempDir Path dir;
  private RecordedServer server;

  @BeforeEach
  void start() throws IOException {
    server = new RecordedServer(dir);
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private ServerExport negotiate(byte[] recording) throws IOException {
    return negotiate(recording, server.uri());
  }

  private ServerExport negotiate(byte[] recording, NbdUri uri) throws IOException {
    server.says(recording);
    Deadline deadline = Deadline.in(Duration.ofSeconds(20), Ticker.systemTicker());
    ClientSocket socket = ClientSocket.connect(uri.address(), deadline);
    try {
      return ClientHandshake.negotiate(
          socket, uri, NbdClientTls.DEFAULT, Optional.empty(), new OwedFences(), deadline);
    } finally {
      socket.abort();
    }
  }

  private void refused(IoFailure failure, String words, byte[] recording) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> negotiate(recording))
        .withMessageContaining(words)
        .satisfies(e -> assertThat(e.failure()).isEqualTo(failure));
  }

  private void broken(byte[] recording) {
    assertThatExceptionOfType(ProtocolViolation.class).isThrownBy(() -> negotiate(recording));
  }

  // ---- words of servers

  private static Words fixed() throws IOException {
    return new Words().greeting(Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES);
  }

  private static Words withoutChunks() throws IOException {
    return fixed().reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ERR_UNSUP);
  }

  private static Words withContext() throws IOException {
    return fixed()
        .reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ACK)
        .reply(Nbd.OPT_SET_META_CONTEXT, Nbd.REP_META_CONTEXT, context(9, "base:allocation"))
        .reply(Nbd.OPT_SET_META_CONTEXT, Nbd.REP_ACK);
  }

  private static byte[] context(int id, String name) {
    byte[] bytes = name.getBytes(UTF_8);
    return ByteBuffer.allocate(4 + bytes.length).putInt(id).put(bytes).array();
  }

  private static byte[] export(long size, int flags) {
    return ByteBuffer.allocate(12)
        .putShort((short) Nbd.INFO_EXPORT)
        .putLong(size)
        .putShort((short) flags)
        .array();
  }

  private static byte[] sizes(int minimum, int preferred, int maximum) {
    return ByteBuffer.allocate(14)
        .putShort((short) Nbd.INFO_BLOCK_SIZE)
        .putInt(minimum)
        .putInt(preferred)
        .putInt(maximum)
        .array();
  }

  private static byte[] complete() throws IOException {
    return withContext()
        .reply(Nbd.OPT_GO, Nbd.REP_INFO, export(SIZE, FLAGS))
        .reply(Nbd.OPT_GO, Nbd.REP_INFO, sizes(4096, 65_536, 8 << 20))
        .reply(Nbd.OPT_GO, Nbd.REP_ACK)
        .bytes();
  }

  @Test
  void everythingAModernServerOffersIsTakenUp() throws Exception {
    assertThat(negotiate(complete()))
        .isEqualTo(
            new ServerExport(
                SIZE,
                FLAGS,
                new BlockSizes(4096, 65_536, 8 << 20),
                true,
                OptionalInt.of(9),
                Optional.empty()));
  }

  @Test
  void aServerWithoutGoIsAskedByExportName() throws Exception {
    byte[] recording =
        new Words()
            .greeting(Nbd.FLAG_FIXED_NEWSTYLE)
            .reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ERR_UNSUP)
            .reply(Nbd.OPT_GO, Nbd.REP_ERR_UNSUP)
            .word(SIZE)
            .half(Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH)
            .bytes();
    byte[] padded = java.util.Arrays.copyOf(recording, recording.length + 124);
    assertThat(negotiate(padded))
        .isEqualTo(
            new ServerExport(
                SIZE,
                Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH,
                ServerExport.DEFAULT_SIZES,
                false,
                OptionalInt.empty(),
                Optional.empty()));
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> negotiate(recording));
  }

  @Test
  void aServerThatHangsUpAtTheExportNameHasNoSuchExport() throws Exception {
    refused(
        IoFailure.GONE,
        "may not have it",
        withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ERR_UNSUP).bytes());
  }

  @Test
  void aContextThatIsRefusedIsDoneWithout() throws Exception {
    byte[] recording =
        fixed()
            .reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ACK)
            .reply(Nbd.OPT_SET_META_CONTEXT, Nbd.REP_ERR_UNSUP)
            .reply(Nbd.OPT_GO, Nbd.REP_INFO, export(SIZE, FLAGS))
            .reply(Nbd.OPT_GO, Nbd.REP_ACK)
            .bytes();
    assertThat(negotiate(recording).allocationContext()).isEmpty();
  }

  @Test
  void refusalsSayWhatTheServerSays() throws Exception {
    byte[] text = "no \u0007such\nthing".getBytes(UTF_8);
    refused(
        IoFailure.GONE,
        "the server has no export \"disk\"; it says \"no  such thing\"",
        withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ERR_UNKNOWN, text).bytes());
    refused(
        IoFailure.READ_ONLY,
        "does not let us have",
        withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ERR_POLICY).bytes());
    refused(
        IoFailure.GONE,
        "shutting down",
        withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ERR_SHUTDOWN).bytes());
    refused(
        IoFailure.OTHER,
        "with error 8",
        withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ERR_BLOCK_SIZE_REQD).bytes());
    refused(
        IoFailure.NOT_SUPPORTED,
        "nbds://",
        fixed().reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ERR_TLS_REQD).bytes());
  }

  @Test
  void olderProtocolsAreRefusedByName() throws Exception {
    refused(
        IoFailure.NOT_SUPPORTED,
        "oldstyle",
        new Words().word(Nbd.INIT_MAGIC).word(Nbd.OLDSTYLE_MAGIC).bytes());
    refused(IoFailure.NOT_SUPPORTED, "too old", new Words().greeting(Nbd.FLAG_NO_ZEROES).bytes());
    broken("SSH-2.0-OpenSSH_9.2p1 and more".getBytes(UTF_8));
    broken(new Words().word(Nbd.INIT_MAGIC).word(42).bytes());
  }

  @Test
  void tlsIsNotDoneWithoutAndNothingIsSlippedInBeforeIt() throws Exception {
    NbdUri uri = NbdUri.parse(server.uri().toString().replace("nbd+unix", "nbds+unix"));
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(
            () -> negotiate(fixed().reply(Nbd.OPT_STARTTLS, Nbd.REP_ERR_POLICY).bytes(), uri))
        .withMessageContaining("does not do TLS");
    byte[] slipped =
        fixed()
            .reply(Nbd.OPT_STARTTLS, Nbd.REP_ACK)
            .reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ERR_UNSUP)
            .bytes();
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> negotiate(slipped, uri))
        .withMessageContaining("plain bytes");
  }

  @Test
  void nonsenseIsRefused() throws Exception {
    broken(fixed().reply(Nbd.OPT_GO, Nbd.REP_ACK).bytes());
    broken(fixed().reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_SERVER).bytes());
    broken(withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_ACK).bytes());
    broken(withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_INFO).bytes());
    broken(withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_INFO, new byte[11]).bytes());
    broken(withoutChunks().reply(Nbd.OPT_GO, Nbd.REP_INFO, new byte[4225]).bytes());
    broken(
        fixed()
            .reply(Nbd.OPT_STRUCTURED_REPLY, Nbd.REP_ACK)
            .reply(Nbd.OPT_SET_META_CONTEXT, Nbd.REP_META_CONTEXT, context(1, "qemu:dirty"))
            .bytes());
    byte[] early = complete();
    broken(java.util.Arrays.copyOf(early, early.length + 1));
    ByteBuffer hugeLength = ByteBuffer.allocate(18 + 20);
    hugeLength.put(fixed().bytes()).putLong(Nbd.OPTION_REPLY_MAGIC);
    hugeLength.putInt(Nbd.OPT_STRUCTURED_REPLY).putInt(Nbd.REP_ACK).putInt(-1);
    broken(hugeLength.array());
  }

  @Test
  void endlessRepliesComeToAnEnd() throws Exception {
    Words words = withoutChunks();
    for (int i = 0; i < 1000; i++) {
      words.reply(Nbd.OPT_GO, Nbd.REP_INFO, export(SIZE, FLAGS));
    }
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> negotiate(words.bytes()))
        .withMessageContaining("more than");
  }

  @Test
  void blockSizesThatCannotBeAreRefused() throws Exception {
    int[][] impossible = {
      {0, 4096, 1 << 20},
      {3, 4096, 1 << 20},
      {-1, 4096, 1 << 20},
      {Integer.MIN_VALUE, 4096, 1 << 20},
      {131_072, 131_072, 1 << 20},
      {512, 0, 1 << 20},
      {512, 4097, 1 << 20},
      {4096, 512, 1 << 20},
      {512, 4096, 0},
      {512, 4096, 2048},
      {1, 1, 511}
    };
    for (int[] numbers : impossible) {
      broken(
          withoutChunks()
              .reply(Nbd.OPT_GO, Nbd.REP_INFO, export(SIZE, FLAGS))
              .reply(Nbd.OPT_GO, Nbd.REP_INFO, sizes(numbers[0], numbers[1], numbers[2]))
              .reply(Nbd.OPT_GO, Nbd.REP_ACK)
              .bytes());
    }
  }

  @Test
  void blockSizesAreMadeOurs() throws Exception {
    assertThat(ServerExport.sizesFor(1, 4096, -1)).isEqualTo(new BlockSizes(512, 4096, 32 << 20));
    assertThat(ServerExport.sizesFor(4096, 4096, 1 << 20))
        .isEqualTo(new BlockSizes(4096, 4096, 1 << 20));
    assertThat(ServerExport.sizesFor(1, 1, 1025)).isEqualTo(new BlockSizes(512, 512, 1024));
    assertThat(ServerExport.sizesFor(512, 1 << 30, -1))
        .isEqualTo(new BlockSizes(512, 32 << 20, 32 << 20));
  }

  @Test
  void aServerThatSaysNothingOrStopsHalfWayTimesOut() throws Exception {
    server.staysOnTheLine();
    for (byte[] start : new byte[][] {{}, fixed().bytes(), withContext().bytes()}) {
      server.says(start);
      NbdClientConfig config =
          NbdClientConfig.DEFAULT.withTimeouts(Duration.ofMillis(50), Duration.ofSeconds(1));
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(
              () -> NbdDevice.connect(server.uri(), config, io.mirrorctl.core.env.Env.system()))
          .withMessageContaining("no answer in time")
          .satisfies(e -> assertThat(e.failure()).isEqualTo(IoFailure.TIMEOUT));
    }
  }

  @Test
  void everyDamagedNegotiationEndsInAnExportOrAnException() throws Exception {
    damaged(0, 2_000);
  }

  @Test
  @Tag("nightly")
  void aHundredThousandDamagedNegotiationsEndInAnExportOrAnException() throws Exception {
    damaged(1_000_000, 100_000);
  }

  private void damaged(long firstSeed, int count) throws IOException {
    byte[] sound = complete();
    int agreed = 0;
    for (long seed = firstSeed; seed < firstSeed + count; seed++) {
      try {
        ServerExport export = negotiate(Mutation.of(sound, new Random(seed)));
        assertThat(export.blockSizes().minimum()).isBetween(512, 65_536);
        agreed++;
      } catch (IOException e) {
        assertThat(e).as("seed %s", seed).hasMessageMatching("(?s).+");
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
    assertThat(agreed).isBetween(1, count - 1);
  }
}
