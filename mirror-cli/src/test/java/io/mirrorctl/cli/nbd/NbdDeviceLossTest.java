package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A loss of answered writes is reported exactly when there can be one. */
class NbdDeviceLossTest extends FakeServerSetup {
  private void dropAndNotice() throws Exception {
    int before = server.accepted();
    server.dropConnections();
    Awaitility.await().until(() -> server.accepted() > before);
  }

  @Test
  void afterALossEveryRequestFailsUntilItIsAcknowledged() throws Exception {
    connect();
    write(1, 7);
    dropAndNotice();
    for (int round = 0; round < 2; round++) {
      fails(IoFailure.VOLATILE_LOSS, () -> read(1));
      fails(IoFailure.VOLATILE_LOSS, () -> write(2, 1));
      fails(IoFailure.VOLATILE_LOSS, () -> writeDurably(2, 1));
      fails(IoFailure.VOLATILE_LOSS, () -> device.flush());
      fails(IoFailure.VOLATILE_LOSS, () -> device.discard(0, BLOCK, WriteOption.NONE));
      fails(IoFailure.VOLATILE_LOSS, () -> device.writeZeroes(0, BLOCK, WriteOption.NONE));
      fails(IoFailure.VOLATILE_LOSS, () -> device.extents(0, BLOCK));
    }
    assertThat(device.status().lossUnacknowledged()).isTrue();
    device.acknowledgeLoss();
    assertThat(device.status().lossUnacknowledged()).isFalse();
    assertThat(read(1)).isEqualTo(7);
    write(2, 1);
    device.flush();
  }

  @Test
  void aLossStaysUntilItIsAcknowledgedHoweverOftenTheConnectionIsRenewed() throws Exception {
    connect();
    write(1, 7);
    dropAndNotice();
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
    device.acknowledgeLoss();
    dropAndNotice();
    assertThat(read(1)).isEqualTo(7);
  }

  @Test
  void requestsUnderWayFailWithTheLossToo() throws Exception {
    connect();
    write(1, 7);
    Gate gate = Gate.forOne(Nbd.CMD_READ);
    server.script = gate;
    Future<Integer> reading = background.submit(() -> read(1));
    gate.awaitReached();
    server.dropConnections();
    fails(IoFailure.VOLATILE_LOSS, () -> cause(reading));
  }

  @Test
  void aLossIsReportedWhileTheServerIsStillAway() throws Exception {
    connect();
    write(1, 7);
    Gate gate = Gate.forOne(Nbd.CMD_READ);
    server.script = gate;
    Future<Integer> reading = background.submit(() -> read(1));
    gate.awaitReached();
    server.crash();
    fails(IoFailure.VOLATILE_LOSS, () -> cause(reading));
    fails(IoFailure.VOLATILE_LOSS, () -> device.flush());
    assertThat(device.status().connection()).isEqualTo(NbdStatus.Connection.RECONNECTING);
    device.acknowledgeLoss();
    server.script = (_, _) -> false;
    server.start();
    assertThat(read(1)).isEqualTo(7);
  }

  @Test
  void acknowledgingWithoutALossChangesNothing() throws Exception {
    connect();
    write(1, 7);
    device.acknowledgeLoss();
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
  }

  @Test
  void flushedAndDurableWritesAreNotLost() throws Exception {
    connect();
    write(1, 7);
    device.writeZeroes(BLOCK * 2, BLOCK, WriteOption.NONE);
    device.discard(BLOCK * 3, BLOCK, WriteOption.NONE);
    device.flush();
    writeDurably(4, 9);
    device.writeZeroes(BLOCK * 5, BLOCK, WriteOption.ONLY_DURABLE);
    device.discard(BLOCK * 6, BLOCK, WriteOption.ONLY_DURABLE);
    server.crashAndComeBack(new Random(1));
    assertThat(read(1)).isEqualTo(7);
    assertThat(read(4)).isEqualTo(9);
    assertThat(device.status().lossUnacknowledged()).isFalse();
    assertThat(device.status().reconnects()).isEqualTo(1);
  }

  @Test
  void zeroesAndDiscardsCountAsWrites() throws Exception {
    connect();
    device.writeZeroes(0, BLOCK, WriteOption.NONE);
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
    device.acknowledgeLoss();
    device.discard(0, BLOCK, WriteOption.NONE);
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
  }

  @Test
  void aFlushDoesNotCoverAWriteThatWasAnsweredAfterItHadStarted() throws Exception {
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_FLUSH);
    server.script = gate;
    Future<?> flushing =
        background.submit(() -> {
          device.flush();
          return null;
        });
    gate.awaitReached();
    write(1, 7);
    gate.open();
    flushing.get();
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
  }

  @Test
  void aFailedFlushCoversNothing() throws Exception {
    connect();
    write(1, 7);
    server.script =
        (request, out) -> {
          if (request.command() == Nbd.CMD_FLUSH) {
            out.error(request, Nbd.EIO, "no luck");
            return true;
          }
          return false;
        };
    fails(IoFailure.MEDIUM, () -> device.flush());
    dropAndNotice();
    fails(IoFailure.VOLATILE_LOSS, () -> read(1));
  }

  @Test
  void aRefusedWriteIsNoLoss() throws Exception {
    connect();
    server.script =
        (request, out) -> {
          if (request.command() == Nbd.CMD_WRITE) {
            out.error(request, Nbd.EIO, "no luck");
            return true;
          }
          return false;
        };
    fails(IoFailure.MEDIUM, () -> write(1, 7));
    dropAndNotice();
    assertThat(read(1)).isZero();
  }

  @Test
  void aDurableWriteWithoutFuaIsMadeAnewWhenTheConnectionIsLostInItsFlush() throws Exception {
    server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FUA;
    connect();
    Gate gate = Gate.forOne(Nbd.CMD_FLUSH);
    server.script = gate;
    Future<?> writing =
        background.submit(() -> {
          writeDurably(1, 7);
          return null;
        });
    gate.awaitReached();
    server.script = (_, _) -> false;
    server.crashAndComeBack(new Random(3));
    writing.get();
    assertThat(server.requests().stream().map(FakeServer.Request::command))
        .containsExactly(Nbd.CMD_WRITE, Nbd.CMD_FLUSH, Nbd.CMD_WRITE, Nbd.CMD_FLUSH);
    server.crashAndComeBack(new Random(4));
    assertThat(read(1)).isEqualTo(7);
  }

  private static void cause(Future<?> future) throws Exception {
    try {
      future.get();
    } catch (ExecutionException e) {
      throw (Exception) e.getCause();
    }
  }

  // ---- random sequences of one thread, where the loss is known exactly

  private static final int BLOCKS = 16;

  @Test
  void inEverySequenceTheLossIsReportedExactlyWhenItIsPossible() throws Exception {
    int losses = 0;
    for (int seed = 0; seed < 15; seed++) {
      losses += sequence(seed);
    }
    assertThat(losses).isPositive();
  }

  @Test
  @Tag("nightly")
  void inThousandsOfSequencesTheLossIsReportedExactlyWhenItIsPossible() throws Exception {
    for (int seed = 1000; seed < 4000; seed++) {
      int _ = sequence(seed);
    }
  }

  /** Returns how many losses there were. */
  private int sequence(int seed) throws Exception {
    Random random = new Random(seed);
    server.close();
    server = new FakeServer(dir, new SimDisk("disk", SIZE));
    server.structured = random.nextBoolean();
    if (random.nextBoolean()) {
      server.flags = FakeServer.ALL_FLAGS & ~Nbd.FLAG_SEND_FUA;
    }
    connect();
    try {
      var sequence = new Sequence(random);
      for (int step = 0; step < 40; step++) {
        try {
          sequence.step();
        } catch (IOException | AssertionError | ExecutionException e) {
          fail("seed %d, step %d".formatted(seed, step), e);
        }
      }
      return sequence.losses;
    } finally {
      device.close();
    }
  }

  /** Random operations and crashes, with a model of what must come of them. */
  private final class Sequence {
    private final Random random;

    /** The content of each block, as answered. */
    private final int[] content = new int[BLOCKS];

    private final boolean[] unflushed = new boolean[BLOCKS];
    private boolean dirty;
    private int losses;

    private Sequence(Random random) {
      this.random = random;
    }

    private void step() throws Exception {
      int block = random.nextInt(BLOCKS);
      int value = 1 + random.nextInt(100);
      switch (random.nextInt(9)) {
        case 0, 1 -> {
          write(block, value);
          wrote(block, value);
        }
        case 2 -> {
          writeDurably(block, value);
          wroteDurably(block, value);
        }
        case 3 -> {
          device.writeZeroes((long) block * BLOCK, BLOCK, WriteOption.NONE);
          wrote(block, 0);
        }
        case 4, 5 -> {
          device.flush();
          flushed();
        }
        case 6 -> assertThat(read(block)).isEqualTo(content[block]);
        case 7 -> {
          server.crashAndComeBack(random);
          settle();
        }
        default -> crashDuring(block, value);
      }
    }

    private void wrote(int block, int value) {
      content[block] = value;
      unflushed[block] = true;
      dirty = true;
    }

    private void wroteDurably(int block, int value) {
      content[block] = value;
      unflushed[block] = false;
      if ((server.flags & Nbd.FLAG_SEND_FUA) == 0) {
        // it took a flush, which covers all that was written before
        flushed();
      }
    }

    private void flushed() {
      Arrays.fill(unflushed, false);
      dirty = false;
    }

    /** The server goes down while it has a request, which it may have carried out. */
    private void crashDuring(int block, int value) throws Exception {
      boolean writing = random.nextBoolean();
      boolean durable = random.nextBoolean();
      Gate gate = new Gate(1, _ -> true);
      boolean carriedOut = random.nextBoolean();
      server.script =
          (request, out) -> {
            if (carriedOut && request.command() == Nbd.CMD_WRITE) {
              disk().write(request.offset(), ByteBuffer.wrap(request.data()), WriteOption.NONE);
            }
            return gate.handle(request, out);
          };
      Future<?> call =
          background.submit(() -> {
            if (writing && durable) {
              writeDurably(block, value);
            } else if (writing) {
              write(block, value);
            } else {
              device.flush();
            }
            return null;
          });
      gate.awaitReached();
      server.script = (_, _) -> false;
      server.crashAndComeBack(random);
      if (dirty) {
        fails(IoFailure.VOLATILE_LOSS, () -> cause(call));
        content[block] = writing ? -1 : content[block];
        unflushed[block] |= writing;
        settle();
        return;
      }
      call.get();
      if (!writing) {
        flushed();
      } else if (durable) {
        wroteDurably(block, value);
      } else {
        wrote(block, value);
      }
    }

    /** After a crash: a loss if there were unflushed writes, and nothing to be noticed if not. */
    private void settle() throws IOException {
      if (!dirty) {
        for (int block = 0; block < BLOCKS; block++) {
          assertThat(read(block)).isEqualTo(content[block]);
        }
        return;
      }
      losses++;
      fails(IoFailure.VOLATILE_LOSS, () -> read(0));
      device.acknowledgeLoss();
      for (int block = 0; block < BLOCKS; block++) {
        int now = read(block);
        if (unflushed[block]) {
          content[block] = now;
        } else {
          assertThat(now).isEqualTo(content[block]);
        }
      }
      flushed();
    }
  }
}
