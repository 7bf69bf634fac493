package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.BlockSizes;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** What a device offers and sends, by what its server offers. */
class NbdDeviceRequestTest extends FakeServerSetup {
  private static final NbdClientConfig READ_ONLY = NbdClientConfig.DEFAULT.withReadOnly(true);

  /** The requests so far as command and flags. */
  private List<List<Integer>> sent() {
    return server.requests().stream().map(r -> List.of(r.command(), r.flags())).toList();
  }

  @Test
  void featuresAreThoseOfTheServer() throws Exception {
    connect();
    assertThat(device.features())
        .containsExactlyInAnyOrder(DeviceFeature.DISCARD, DeviceFeature.FAST_ZEROES);
    device.close();
    server.flags = Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH | Nbd.FLAG_CAN_MULTI_CONN;
    connect();
    assertThat(device.features()).containsExactly(DeviceFeature.SHARED_FLUSH);
  }

  @Test
  void withFuaADurableChangeIsOneRequest() throws Exception {
    connect();
    writeDurably(1, 7);
    device.writeZeroes(0, BLOCK, WriteOption.ONLY_DURABLE);
    device.discard(0, BLOCK, WriteOption.ONLY_DURABLE);
    write(1, 7);
    assertThat(sent())
        .containsExactly(
            List.of(Nbd.CMD_WRITE, Nbd.CMD_FLAG_FUA),
            List.of(Nbd.CMD_WRITE_ZEROES, Nbd.CMD_FLAG_FUA),
            List.of(Nbd.CMD_TRIM, Nbd.CMD_FLAG_FUA),
            List.of(Nbd.CMD_WRITE, 0));
  }

  @Test
  void withoutFuaADurableChangeIsFollowedByAFlush() throws Exception {
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FUA;
    connect();
    writeDurably(1, 7);
    device.discard(0, BLOCK, WriteOption.ONLY_DURABLE);
    assertThat(sent())
        .containsExactly(
            List.of(Nbd.CMD_WRITE, 0),
            List.of(Nbd.CMD_FLUSH, 0),
            List.of(Nbd.CMD_TRIM, 0),
            List.of(Nbd.CMD_FLUSH, 0));
    assertThat(disk().unflushedSectors()).isZero();
  }

  @Test
  void aDurableWriteFailsWithItsFlush() throws Exception {
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FUA;
    connect();
    server.script =
        (request, out) -> {
          if (request.command() == Nbd.CMD_FLUSH) {
            out.error(request, Nbd.EIO, "no luck");
            return true;
          }
          return false;
        };
    fails(IoFailure.MEDIUM, () -> writeDurably(1, 7));
  }

  @Test
  void optionsOfZeroesBecomeFlags() throws Exception {
    connect();
    device.writeZeroes(0, BLOCK, Set.of(WriteOption.KEEP_ALLOCATED));
    device.writeZeroes(0, BLOCK, EnumSet.allOf(WriteOption.class));
    assertThat(sent())
        .containsExactly(
            List.of(Nbd.CMD_WRITE_ZEROES, Nbd.CMD_FLAG_NO_HOLE),
            List.of(
                Nbd.CMD_WRITE_ZEROES,
                Nbd.CMD_FLAG_NO_HOLE | Nbd.CMD_FLAG_FUA | Nbd.CMD_FLAG_FAST_ZERO));
  }

  @Test
  void withoutFastZeroNothingIsPromisedToBeFast() throws Exception {
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FAST_ZERO;
    connect();
    fails(
        IoFailure.NOT_SUPPORTED, () -> device.writeZeroes(0, BLOCK, Set.of(WriteOption.FAST_ONLY)));
    assertThat(sent()).isEmpty();
  }

  @Test
  void withoutWriteZeroesTheZeroesAreSent() throws Exception {
    server.flags = Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH;
    server.sizes = Optional.of(new BlockSizes(512, 4096, 1 << 16));
    connect();
    device.write(0, ByteBuffer.wrap(new byte[1 << 16]).put(0, (byte) 9), WriteOption.NONE);
    device.writeZeroes(0, 3 << 15, WriteOption.NONE);
    assertThat(server.requests().stream().map(FakeServer.Request::length))
        .containsExactly(1 << 16, 1 << 16, 1 << 15);
    assertThat(read(0)).isZero();
    device.discard(0, BLOCK, WriteOption.NONE);
    assertThat(server.requests()).hasSize(4);
  }

  @Test
  void longRangesGoInPartsAndReadsAndWritesMustNotBeLong() throws Exception {
    server.sizes = Optional.of(new BlockSizes(4096, 4096, 1 << 20));
    connect();
    assertThat(device.blockSizes()).isEqualTo(new BlockSizes(4096, 4096, 1 << 20));
    device.writeZeroes(4096, (2 << 20) + 4096, WriteOption.NONE);
    device.discard(0, 1 << 21, WriteOption.NONE);
    assertThat(server.requests().stream().map(FakeServer.Request::length))
        .containsExactly(1 << 20, 1 << 20, 4096, 1 << 20, 1 << 20);
    fails(IoFailure.INVALID, () -> device.read(0, ByteBuffer.allocate((1 << 20) + 4096)));
    fails(IoFailure.INVALID, () -> device.read(512, ByteBuffer.allocate(4096)));
  }

  @Test
  void errorsOfTheServerAreTold() throws Exception {
    connect();
    Object[][] errors = {
      {Nbd.EPERM, IoFailure.READ_ONLY},
      {Nbd.EIO, IoFailure.MEDIUM},
      {Nbd.ENOMEM, IoFailure.OTHER},
      {Nbd.EINVAL, IoFailure.INVALID},
      {Nbd.ENOSPC, IoFailure.NO_SPACE},
      {Nbd.ENOTSUP, IoFailure.NOT_SUPPORTED},
      {4711, IoFailure.OTHER}
    };
    for (Object[] error : errors) {
      server.script =
          (request, out) -> {
            out.error(request, (int) error[0], "so it is");
            return true;
          };
      ByteBuffer from = filled(7);
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> device.write(8192, from, WriteOption.NONE))
          .withMessageStartingWith(server.uri() + ": write of 512 bytes at 8192: the server says ")
          .withMessageEndingWith(": \"so it is\"")
          .satisfies(e -> assertThat(e.failure()).isEqualTo(error[1]));
      assertThat(from.position()).isZero();
    }
    assertThat(device.status().reconnects()).isZero();
  }

  @Test
  void extentsComeFromTheServerAsFarAsItKnows() throws Exception {
    connect();
    device.write(1 << 20, ByteBuffer.allocate(1 << 16), WriteOption.NONE);
    assertThat(device.extents(BLOCK, 2 << 20))
        .containsExactly(
            new Extent((1 << 20) - BLOCK, true, true),
            new Extent(1 << 16, false, false),
            new Extent((1 << 20) - (1 << 16) + BLOCK, true, true));
    device.close();
    server.contexts = false;
    connect();
    assertThat(device.extents(BLOCK, 1 << 20)).containsExactly(new Extent(1 << 20, false, false));
    fails(IoFailure.INVALID, () -> device.extents(0, 0));
    fails(IoFailure.INVALID, () -> device.extents(SIZE, BLOCK));
  }

  @Test
  void aBufferThatCannotBeFilledIsAMistakeOfTheCaller() throws Exception {
    connect();
    assertThatExceptionOfType(ReadOnlyBufferException.class)
        .isThrownBy(() -> device.read(0, ByteBuffer.allocate(BLOCK).asReadOnlyBuffer()));
  }

  @Test
  void theLastBytesOfAnUnevenExportAreLeftAlone() throws Exception {
    server.size = SIZE - 1;
    connect();
    assertThat(device.sizeBytes()).isEqualTo(SIZE - 512);
    fails(IoFailure.INVALID, () -> read(SIZE / BLOCK - 1));
    assertThat(read(SIZE / BLOCK - 2)).isZero();
  }

  // ---- refusals

  private void refuses(IoFailure failure, String words, NbdClientConfig config) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> connect(config))
        .withMessageContaining(words)
        .withMessageStartingWith(server.uri() + ": ")
        .satisfies(e -> assertThat(e.failure()).isEqualTo(failure));
  }

  @Test
  void exportsThatAreNoDiskAreRefused() throws Exception {
    server.size = 0;
    refuses(IoFailure.NOT_SUPPORTED, "has 0 bytes", NbdClientConfig.DEFAULT);
    server.size = 511;
    refuses(IoFailure.NOT_SUPPORTED, "less than one block of 512", NbdClientConfig.DEFAULT);
    server.size = -1;
    refuses(IoFailure.NOT_SUPPORTED, "18446744073709551615 bytes", NbdClientConfig.DEFAULT);
  }

  @Test
  void anExportThatCannotBeFlushedIsForReadingOnly() throws Exception {
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FLUSH;
    refuses(IoFailure.NOT_SUPPORTED, "no flush", NbdClientConfig.DEFAULT);
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_HAS_FLAGS;
    refuses(IoFailure.NOT_SUPPORTED, "no flush", NbdClientConfig.DEFAULT);
    server.flags = Nbd.FLAG_HAS_FLAGS;
    connect(READ_ONLY);
    assertThat(read(1)).isZero();
    device.flush();
    assertThat(server.requests()).hasSize(1);
  }

  @Test
  void aReadOnlyExportIsRefusedUnlessThatIsWanted() throws Exception {
    server.flags = FakeServer.ALL_FLAGS | Nbd.FLAG_READ_ONLY;
    refuses(IoFailure.READ_ONLY, "the export is read-only", NbdClientConfig.DEFAULT);
    connect(READ_ONLY);
    assertThat(device.features()).containsExactly(DeviceFeature.READ_ONLY);
    fails(IoFailure.READ_ONLY, () -> write(1, 7));
    fails(IoFailure.READ_ONLY, () -> device.discard(0, BLOCK, WriteOption.NONE));
    fails(IoFailure.READ_ONLY, () -> device.writeZeroes(0, BLOCK, WriteOption.NONE));
    device.flush();
  }

  @Test
  void aWritableExportCanBeUsedReadOnly() throws Exception {
    connect(READ_ONLY);
    assertThat(device.features()).containsExactly(DeviceFeature.READ_ONLY);
    fails(IoFailure.READ_ONLY, () -> write(1, 7));
    assertThat(server.requests()).isEmpty();
  }

  @Test
  void aServerThatIsNotThereIsNamed() throws Exception {
    server.close();
    refuses(IoFailure.GONE, "cannot connect to", NbdClientConfig.DEFAULT);
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() ->
            NbdDevice.connect(
                NbdUri.parse("nbd://no-such-host.invalid/disk"),
                NbdClientConfig.DEFAULT,
                Env.system()))
        .withMessageContaining("the host no-such-host.invalid is not known");
  }

  @Test
  void aServerThatAcceptsNoConnectionIsGivenUp() throws Exception {
    Path socket = dir.resolve("full.sock");
    try (var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      listener.bind(UnixDomainSocketAddress.of(socket), 1);
      List<SocketChannel> queued = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        queued.add(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
      }
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() ->
              NbdDevice.connect(
                  NbdUri.parse("nbd+unix:///?socket=" + socket),
                  NbdClientConfig.DEFAULT,
                  Env.system()))
          .withMessageContaining("cannot connect to " + socket)
          .satisfies(e -> assertThat(e.failure()).isEqualTo(IoFailure.GONE));
      for (SocketChannel channel : queued) {
        channel.close();
      }
    }
  }

  @Test
  void interruptsWhileSendingHarmNoConnection() throws Exception {
    connect();
    AtomicBoolean over = new AtomicBoolean();
    ByteBuffer large = ByteBuffer.allocateDirect(2 << 20);
    Thread writer =
        Thread.ofPlatform()
            .start(() -> {
              while (!over.get()) {
                try {
                  device.write(0, large.duplicate(), WriteOption.NONE);
                } catch (InterruptedIOException e) {
                  Thread.interrupted();
                } catch (IOException e) {
                  return;
                }
              }
            });
    for (int i = 0; i < 200; i++) {
      writer.interrupt();
      assertThat(read(SIZE / BLOCK - 1)).isZero();
    }
    assertThat(writer.isAlive()).isTrue();
    over.set(true);
    writer.join();
    assertThat(device.status().reconnects()).isZero();
  }

  // ---- many at once

  @Test
  void largeRequestsFromManyThreadsAndKindsOfBuffersAreKeptApart() throws Exception {
    SimDisk disk = new SimDisk("large", 256 << 20);
    server.disk = disk;
    server.size = disk.sizeBytes();
    connect();
    var rounds = new java.util.ArrayList<java.util.concurrent.Future<?>>();
    for (int i = 0; i < 12; i++) {
      int share = i;
      rounds.add(background.submit(() -> pound(share)));
    }
    for (var round : rounds) {
      round.get();
    }
    assertThat(device.status().reconnects()).isZero();
  }

  private Void pound(int share) throws IOException {
    var random = new java.util.Random(share);
    for (int i = 0; i < 8; i++) {
      int length = BLOCK * (1 + random.nextInt(random.nextBoolean() ? 8 : 6000));
      byte[] data = new byte[length];
      random.nextBytes(data);
      long offset = share * (20L << 20) + (long) BLOCK * random.nextInt(1000);
      ByteBuffer from =
          random.nextBoolean() ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
      device.write(offset, from.put(data).flip(), WriteOption.NONE);
      ByteBuffer into =
          random.nextBoolean() ? ByteBuffer.allocateDirect(length) : ByteBuffer.allocate(length);
      device.read(offset, into);
      byte[] back = new byte[length];
      into.flip().get(back);
      assertThat(java.util.Arrays.equals(back, data)).isTrue();
    }
    return null;
  }
}
