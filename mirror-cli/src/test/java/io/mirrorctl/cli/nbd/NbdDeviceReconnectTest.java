package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What becomes of requests when connections are lost, late, renewed or closed. */
class NbdDeviceReconnectTest extends FakeServerSetup {
  private static final NbdClientConfig DEFAULT = NbdClientConfig.DEFAULT;

  private static NbdClientConfig retrying(long millis) {
    return DEFAULT.withRetryLimit(Duration.ofMillis(millis));
  }

  private <T> Future<T> start(Callable<T> call) {
    return background.submit(call);
  }

  private Future<Void> startWriting(long block, int value) {
    return start(() -> {
      write(block, value);
      return null;
    });
  }

  private static void failure(Future<?> future, IoFailure kind, String words) {
    assertThatExceptionOfType(ExecutionException.class)
        .isThrownBy(future::get)
        .satisfies(e ->
            assertThat(e.getCause())
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(words)
                .extracting(c -> ((DeviceException) c).failure())
                .isEqualTo(kind));
  }

  private void awaitConnection(NbdStatus.Connection connection) {
    Awaitility.await().until(() -> device.status().connection() == connection);
  }

  // ---- lost and found

  @Test
  void requestsUnderWayAreSentAgainAndNobodyNotices() throws Exception {
    connect();
    writeDurably(3, 5);
    Gate gate = new Gate(4, _ -> true);
    server.script = gate;
    Future<Integer> reading = start(() -> read(3));
    Future<Void> writing = startWriting(1, 7);
    Future<?> flushing =
        start(() -> {
          device.flush();
          return null;
        });
    Future<?> zeroing =
        start(() -> {
          device.writeZeroes(2 * BLOCK, BLOCK, WriteOption.NONE);
          return null;
        });
    gate.awaitReached();
    server.script = (_, _) -> false;
    server.dropConnections();
    assertThat(reading.get()).isEqualTo(5);
    writing.get();
    flushing.get();
    zeroing.get();
    assertThat(device.status())
        .isEqualTo(new NbdStatus(NbdStatus.Connection.CONNECTED, "", false, 1));
    assertThat(read(1)).isEqualTo(7);
  }

  @Test
  void requestsWaitForAServerThatIsAway() throws Exception {
    connect();
    server.crash();
    awaitConnection(NbdStatus.Connection.RECONNECTING);
    Future<Void> writing = startWriting(1, 7);
    Thread.sleep(100);
    assertThat(writing.isDone()).isFalse();
    server.start();
    writing.get();
    assertThat(read(1)).isEqualTo(7);
  }

  @Test
  void beyondTheLimitRequestsFailUntilTheServerIsBack() throws Exception {
    connect(retrying(150));
    Gate gate = Gate.forOne(Nbd.CMD_READ);
    server.script = gate;
    Future<Integer> reading = start(() -> read(1));
    gate.awaitReached();
    server.crash();
    Future<Integer> later = start(() -> read(2));
    failure(reading, IoFailure.GONE, "no working connection");
    failure(later, IoFailure.GONE, "no working connection");
    fails(IoFailure.GONE, () -> read(1));
    fails(IoFailure.GONE, () -> device.flush());
    assertThat(device.status().connection()).isEqualTo(NbdStatus.Connection.GONE);
    assertThat(device.status().trouble()).contains("cannot connect");
    server.script = (_, _) -> false;
    server.start();
    awaitConnection(NbdStatus.Connection.CONNECTED);
    assertThat(read(1)).isZero();
  }

  @Test
  void withoutRetryALossIsFinalAtOnce() throws Exception {
    connect(retrying(0));
    server.crash();
    awaitConnection(NbdStatus.Connection.GONE);
    fails(IoFailure.GONE, () -> read(1));
  }

  @Test
  void aRequestThatKillsEveryConnectionFailsAndTheOthersGoOn() throws Exception {
    connect(retrying(300));
    server.script =
        (request, _) -> {
          if (request.offset() == 13 * BLOCK) {
            // time for others to be answered, so that each connection was of some use
            Thread.sleep(30);
            server.dropConnections();
            return true;
          }
          return false;
        };
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger reads = new AtomicInteger();
    List<Future<Void>> others = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      others.add(
          start(() -> {
            while (!over.get()) {
              try {
                read(1);
                reads.incrementAndGet();
              } catch (DeviceException e) {
                // those that wait with the poison are given up with it
                assertThat(e.failure()).isEqualTo(IoFailure.GONE);
              }
            }
            return null;
          }));
    }
    Future<Integer> poison = start(() -> read(13));
    failure(poison, IoFailure.GONE, "no working connection");
    int before = reads.get();
    Awaitility.await().until(() -> reads.get() > before + 10);
    over.set(true);
    for (Future<Void> other : others) {
      other.get();
    }
  }

  @Test
  void aServerThatShutsDownInOrderIsWaitedForToo() throws Exception {
    connect();
    AtomicInteger refusals = new AtomicInteger();
    server.script =
        (request, out) -> {
          if (refusals.getAndIncrement() < 3) {
            out.error(request, Nbd.ESHUTDOWN, "going down");
            return true;
          }
          return false;
        };
    write(1, 7);
    assertThat(read(1)).isEqualTo(7);
    assertThat(device.status().reconnects()).isEqualTo(3);
    assertThat(server.goodbyes()).isEqualTo(3);
  }

  @Test
  void aBrokenAnswerDropsTheConnectionAndTheRequestIsAskedAgain() throws Exception {
    connect();
    writeDurably(1, 7);
    AtomicInteger lies = new AtomicInteger();
    server.script =
        (request, out) -> {
          if (request.command() == Nbd.CMD_READ && lies.getAndIncrement() < 2) {
            out.chunk(request, true, Nbd.REPLY_TYPE_NONE, new byte[0]);
            return true;
          }
          return false;
        };
    assertThat(read(1)).isEqualTo(7);
    assertThat(device.status().reconnects()).isEqualTo(2);
  }

  @Test
  void halfAnAnswerIsForgottenWithItsConnection() throws Exception {
    connect();
    device.write(0, ByteBuffer.allocate(2 * BLOCK).put(0, (byte) 1), WriteOption.ONLY_DURABLE);
    AtomicInteger asked = new AtomicInteger();
    server.script =
        (request, out) -> {
          if (asked.getAndIncrement() % 2 != 0) {
            return false;
          }
          // the first chunk of the honest answer, and an error that is not the last word either
          byte[] honest = out.honestly(server, request);
          int first = Nbd.STRUCTURED_REPLY_BYTES + ByteBuffer.wrap(honest).getInt(16);
          out.raw(ByteBuffer.wrap(honest.clone(), 0, first).putShort(4, (short) 0).array(), first);
          byte[] error = ByteBuffer.allocate(6).putInt(Nbd.EIO).array();
          out.chunk(request, false, Nbd.REPLY_TYPE_ERROR, error);
          server.dropConnections();
          return true;
        };
    ByteBuffer into = ByteBuffer.allocate(2 * BLOCK);
    device.read(0, into);
    assertThat(into.get(0)).isEqualTo((byte) 1);
    assertThat(device.extents(0, 2 * BLOCK)).hasSize(1);
    assertThat(device.status().reconnects()).isEqualTo(2);
  }

  @Test
  void aServerThatAnswersAWriteBeforeItHasItIsNotBelieved() throws Exception {
    connect(retrying(100));
    server.close();
    try (var _ = new EagerServer(dir, server)) {
      ByteBuffer large = ByteBuffer.allocateDirect(4 << 20);
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> device.write(0, large, WriteOption.NONE))
          .withMessageContaining("that it does not have yet");
    }
  }

  /** Negotiates like the fake one and then answers writes as soon as it has their headers. */
  private static final class EagerServer implements Closeable {
    private final ServerSocketChannel listener;

    private EagerServer(Path dir, FakeServer like) throws IOException {
      Path socket = dir.resolve("fake.sock");
      Files.deleteIfExists(socket);
      listener =
          ServerSocketChannel.open(StandardProtocolFamily.UNIX)
              .bind(UnixDomainSocketAddress.of(socket));
      Thread.ofPlatform().daemon().start(() -> serve(like));
    }

    private void serve(FakeServer like) {
      while (true) {
        try (var connection = listener.accept()) {
          like.greetAndAnswerEagerly(connection);
        } catch (IOException e) {
          if (!listener.isOpen()) {
            return;
          }
        }
      }
    }

    @Override
    public void close() throws IOException {
      listener.close();
    }
  }

  // ---- silent and slow

  @Test
  void aServerThatNeverAnswersTimesOut() throws Exception {
    connect(retrying(100).withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(150)));
    // long enough for the reading thread to fall asleep
    Thread.sleep(150);
    server.script = (_, _) -> true;
    fails(IoFailure.TIMEOUT, () -> read(1));
    server.script = (_, _) -> false;
    // a busy machine may be silent for as long, now and then
    Awaitility.await().ignoreExceptions().until(() -> read(1) == 0);
  }

  @Test
  void aServerThatFallsSilentWithUnflushedWritesIsALoss() throws Exception {
    connect(DEFAULT.withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(100)));
    write(1, 7);
    server.script = (_, _) -> true;
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
  }

  @Test
  void aSlowServerIsNotSentMoreThanAWindowAtATime() throws Exception {
    connect();
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    server.script =
        (_, _) -> {
          most.accumulateAndGet(running.incrementAndGet(), Math::max);
          Thread.sleep(30);
          running.decrementAndGet();
          return false;
        };
    List<Future<Integer>> reads = new ArrayList<>();
    for (int i = 0; i < 600; i++) {
      long block = i;
      reads.add(start(() -> read(block)));
    }
    for (Future<Integer> read : reads) {
      assertThat(read.get()).isZero();
    }
    assertThat(most.get()).as("at a time").isBetween(2, RequestSlots.SLOTS);
    assertThat(device.status().reconnects()).isZero();
  }

  // ---- another export than before

  @Test
  void anExportOfAnotherSizeIsNotTakenBack() throws Exception {
    connect();
    server.crash();
    server.size = SIZE / 2;
    server.start();
    awaitConnection(NbdStatus.Connection.GONE);
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> read(1))
        .withMessageContaining("has %d bytes now and had %d".formatted(SIZE / 2, SIZE))
        .satisfies(e -> assertThat(e.failure()).isEqualTo(IoFailure.GONE));
    server.size = SIZE;
    awaitConnection(NbdStatus.Connection.CONNECTED);
    assertThat(read(1)).isZero();
  }

  @Test
  void anExportThatCanDoLessThanBeforeIsNotTakenBack() throws Exception {
    int flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
    int[] without = {
      Nbd.FLAG_SEND_FUA,
      Nbd.FLAG_SEND_TRIM,
      Nbd.FLAG_SEND_WRITE_ZEROES,
      Nbd.FLAG_SEND_FAST_ZERO,
      Nbd.FLAG_CAN_MULTI_CONN
    };
    BlockSizes usual = new BlockSizes(512, 4096, 1 << 20);
    ServerExport before = export(flags, usual, true);
    assertThat(before.whyNot(before)).isEmpty();
    for (int flag : without) {
      ServerExport now = export(flags & ~flag, usual, true);
      assertThat(before.whyNot(now)).isPresent();
      assertThat(now.whyNot(before)).isEmpty();
    }
    assertThat(before.whyNot(export(flags | Nbd.FLAG_READ_ONLY, usual, true)))
        .hasValueSatisfying(why -> assertThat(why).contains("read-only"));
    for (BlockSizes sizes :
        List.of(new BlockSizes(4096, 4096, 1 << 20), new BlockSizes(512, 4096, 1 << 19))) {
      assertThat(before.whyNot(export(flags, sizes, true)))
          .hasValueSatisfying(why -> assertThat(why).contains("requests of"));
    }
    assertThat(before.whyNot(export(flags, usual, false)))
        .hasValueSatisfying(why -> assertThat(why).contains("base:allocation"));
  }

  /**
   * @param chunks whether replies come in chunks, and extents can be asked for
   */
  private static ServerExport export(int flags, BlockSizes sizes, boolean chunks) {
    OptionalInt context = chunks ? OptionalInt.of(1) : OptionalInt.empty();
    return new ServerExport(SIZE, flags, sizes, chunks, context, Optional.empty());
  }

  @Test
  void requestsThatWaitFailWhenTheExportComesBackWithoutAFeature() throws Exception {
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_READ);
    server.script = gate;
    Future<Integer> reading = start(() -> read(1));
    gate.awaitReached();
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FUA;
    server.dropConnections();
    failure(reading, IoFailure.GONE, "no longer offers durable writes (FUA)");
  }

  // ---- interrupts

  @Test
  void anInterruptTakesBackARequestThatNoServerHasSeen() throws Exception {
    connect();
    server.crash();
    awaitConnection(NbdStatus.Connection.RECONNECTING);
    var result = new CompletableFuture<Throwable>();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              try {
                write(1, 7);
                result.complete(null);
              } catch (IOException e) {
                result.complete(e);
              }
            });
    Awaitility.await().until(() -> writer.getState() == Thread.State.WAITING);
    writer.interrupt();
    assertThat(result.get()).isInstanceOf(InterruptedIOException.class);
    server.start();
    assertThat(read(1)).isZero();
    assertThat(server.requests()).hasSize(1);
  }

  @Test
  void anInterruptDoesNotTakeBackARequestThatAServerMayHaveSeen() throws Exception {
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_WRITE);
    server.script = gate;
    var result = new CompletableFuture<Throwable>();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              try {
                write(1, 7);
                result.complete(null);
              } catch (IOException e) {
                result.complete(e);
              }
            });
    gate.awaitReached();
    server.script = (_, _) -> false;
    server.crash();
    awaitConnection(NbdStatus.Connection.RECONNECTING);
    writer.interrupt();
    Thread.sleep(50);
    assertThat(result.isDone()).isFalse();
    server.start();
    assertThat(result.get()).isNull();
    assertThat(read(1)).isEqualTo(7);
  }

  @Test
  void anInterruptDoesNotEndARequestThatWasSent() throws Exception {
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_WRITE);
    server.script = gate;
    var stillInterrupted = new CompletableFuture<Boolean>();
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              try {
                write(1, 7);
                stillInterrupted.complete(Thread.currentThread().isInterrupted());
              } catch (IOException e) {
                stillInterrupted.completeExceptionally(e);
              }
            });
    gate.awaitReached();
    writer.interrupt();
    Thread.sleep(50);
    assertThat(stillInterrupted.isDone()).isFalse();
    gate.open();
    assertThat(stillInterrupted.get()).isTrue();
    assertThat(read(1)).isEqualTo(7);
    assertThat(device.status().reconnects()).isZero();
  }

  @Test
  void anInterruptedThreadDoesNotConnect() {
    Thread.currentThread().interrupt();
    try {
      assertThatExceptionOfType(InterruptedIOException.class).isThrownBy(this::connect);
    } finally {
      Thread.interrupted();
    }
  }

  // ---- closing

  private static long clientThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(t -> t.getName().startsWith("nbd-") && t.getName().contains("fake"))
        .count();
  }

  @Test
  void closingLetsRequestsEndAndSaysGoodbyeAndLeavesNoThread() throws Exception {
    connect();
    Awaitility.await().until(() -> clientThreads() == 2);
    Gate gate = Gate.forOne(Nbd.CMD_WRITE);
    server.script = gate;
    Future<Void> writing = startWriting(1, 7);
    gate.awaitReached();
    Future<?> closing =
        start(() -> {
          device.close();
          return null;
        });
    Awaitility.await().until(() -> device.status().connection() == NbdStatus.Connection.CLOSED);
    fails(IoFailure.CLOSED, () -> read(1));
    assertThat(closing.isDone()).isFalse();
    gate.open();
    writing.get();
    closing.get();
    Awaitility.await().until(() -> server.goodbyes() == 1);
    assertThat(clientThreads()).isZero();
  }

  @Test
  void closingWithoutAServerFailsWhatWaits() throws Exception {
    connect();
    server.crash();
    awaitConnection(NbdStatus.Connection.RECONNECTING);
    Future<Void> writing = startWriting(1, 7);
    Thread.sleep(50);
    device.close();
    failure(writing, IoFailure.CLOSED, "closed");
    assertThat(clientThreads()).isZero();
  }

  @Test
  void closingWhileASilentServerIsBeingConnectedToDoesNotWaitForIt() throws Exception {
    connect();
    server.close();
    try (var silent = new RecordedServer(dir)) {
      silent.staysOnTheLine();
      Files.deleteIfExists(dir.resolve("fake.sock"));
      Files.createSymbolicLink(dir.resolve("fake.sock"), dir.resolve("recorded.sock"));
      Awaitility.await().until(() -> silent.callers() > 0);
      device.close();
      assertThat(clientThreads()).isZero();
    }
  }

  @Test
  void aConnectionThatIsLostWhileClosingIsNotRenewed() throws Exception {
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_WRITE);
    server.script = gate;
    Future<Void> writing = startWriting(1, 7);
    gate.awaitReached();
    Future<?> closing =
        start(() -> {
          device.close();
          return null;
        });
    awaitConnection(NbdStatus.Connection.CLOSED);
    server.dropConnections();
    closing.get();
    failure(writing, IoFailure.CLOSED, "closed");
    assertThat(server.accepted()).isEqualTo(1);
  }

  @Test
  void anInterruptMakesClosingStopWaiting() throws Exception {
    connect();
    server.script = (_, _) -> true;
    Future<Void> writing = startWriting(1, 7);
    Awaitility.await().until(() -> !server.requests().isEmpty());
    Thread.currentThread().interrupt();
    device.close();
    assertThat(Thread.interrupted()).isTrue();
    failure(writing, IoFailure.CLOSED, "closed");
  }

  // ---- several connections

  @Test
  void severalConnectionsAreUsedWhereTheServerAllowsThem() throws Exception {
    server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
    connect(DEFAULT.withConnections(3));
    assertThat(device.features()).contains(DeviceFeature.SHARED_FLUSH);
    assertThat(server.accepted()).isEqualTo(3);
    device.close();
    server.flags = FakeServer.ALL_FLAGS;
    connect(DEFAULT.withConnections(3));
    assertThat(device.features()).doesNotContain(DeviceFeature.SHARED_FLUSH);
    assertThat(server.accepted()).isEqualTo(4);
  }

  @Test
  void aServerThatAllowsFewerConnectionsIsContentedWith() throws Exception {
    server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
    server.mostConnections = 2;
    connect(DEFAULT.withConnections(4));
    write(1, 7);
    assertThat(read(1)).isEqualTo(7);
    assertThat(server.accepted()).isEqualTo(2);
  }

  @Test
  void theLossOfOneConnectionIsTheLossOfAll() throws Exception {
    server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
    connect(DEFAULT.withConnections(3).withTimeouts(Duration.ofSeconds(10), Duration.ofHours(1)));
    Gate gate = new Gate(6, _ -> true);
    server.script = gate;
    List<Future<Integer>> reads = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      reads.add(start(() -> read(1)));
    }
    gate.awaitReached();
    server.script = (_, _) -> false;
    server.dropOneConnection();
    for (Future<Integer> read : reads) {
      assertThat(read.get(20, TimeUnit.SECONDS)).isZero();
    }
    assertThat(server.accepted()).isEqualTo(6);
    assertThat(device.status().reconnects()).isEqualTo(1);
  }

  @Test
  void aFlushOnOneConnectionCoversTheWritesOfAll() throws Exception {
    server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_CAN_MULTI_CONN;
    connect(DEFAULT.withConnections(3));
    List<Future<Void>> writes = new ArrayList<>();
    for (int block = 0; block < 30; block++) {
      writes.add(startWriting(block, 9));
    }
    for (Future<Void> write : writes) {
      write.get();
    }
    device.flush();
    server.crashAndComeBack(new Random(1));
    for (int block = 0; block < 30; block++) {
      assertThat(read(block)).isEqualTo(9);
    }
  }
}
