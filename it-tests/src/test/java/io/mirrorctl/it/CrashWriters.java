package io.mirrorctl.it;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

/**
 * Clients that write at random until their node dies: several threads on two connections, with
 * overlaps, on a few hot places that move and all over the array.
 */
final class CrashWriters implements AutoCloseable {
  private static final int THREADS = 6;
  private static final int HOT_BLOCKS = 96;
  private static final int LONG_BLOCKS = 64;

  private final WriteLedger ledger;
  private final List<RawNbd> connections = new ArrayList<>();
  private final List<CompletableFuture<Void>> threads = new ArrayList<>();
  private volatile int hot;
  private volatile boolean stopped;

  private CrashWriters(WriteLedger ledger) {
    this.ledger = ledger;
  }

  static CrashWriters start(ServedArray array, WriteLedger ledger, SplittableRandom random)
      throws IOException {
    var writers = new CrashWriters(ledger);
    writers.connections.add(array.connect());
    writers.connections.add(array.connect());
    if (!writers.connections.getFirst().multiConn()) {
      throw new AssertionError("a flush on one connection does not cover the other one");
    }
    var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().factory());
    for (int i = 0; i < THREADS; i++) {
      RawNbd connection = writers.connections.get(i % 2);
      SplittableRandom own = random.split();
      writers.threads.add(
          CompletableFuture.runAsync(() -> writers.writeUntilTheEnd(connection, own), pool));
    }
    return writers;
  }

  private void writeUntilTheEnd(RawNbd connection, SplittableRandom random) {
    try {
      while (!stopped) {
        step(connection, random);
      }
    } catch (IOException e) {
      // the node was killed, as planned
    }
  }

  private void step(RawNbd connection, SplittableRandom random) throws IOException {
    int choice = random.nextInt(100);
    if (choice < 12) {
      long since = ledger.flushing();
      expectDone(connection.flush());
      ledger.flushed(since);
      return;
    }
    if (choice == 12) {
      hot = random.nextInt(ledger.blocks() - HOT_BLOCKS);
    }
    int length = 1 + random.nextInt(random.nextInt(8) == 0 ? LONG_BLOCKS : 3);
    int first =
        random.nextBoolean()
            ? hot + random.nextInt(HOT_BLOCKS - length + 1)
            : random.nextInt(ledger.blocks() - length + 1);
    if (choice < 18) {
      WriteLedger.Write zero = ledger.zero(first, length);
      expectDone(connection.writeZeroes(zero.offset(), zero.length()));
      ledger.completed(zero, false);
    } else {
      boolean durable = choice < 35;
      WriteLedger.Write write = ledger.write(first, length);
      expectDone(connection.write(write.offset(), write.data(), durable));
      ledger.completed(write, durable);
    }
  }

  private static void expectDone(int error) {
    if (error != 0) {
      throw new AssertionError("the node answered with error " + error);
    }
  }

  /** Returns when all have noticed that the node is dead; fails if one had another trouble. */
  void join() {
    threads.forEach(CompletableFuture::join);
  }

  /** Lets the requests in flight end, and no more begin. */
  void stop() {
    stopped = true;
    join();
  }

  @Override
  public void close() throws IOException {
    stopped = true;
    for (RawNbd connection : connections) {
      connection.close();
    }
  }
}
