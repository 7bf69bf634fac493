package io.mirrorctl.it;

import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes its blocks by several threads over one connection, and keeps account of what was
 * acknowledged: plain and durable writes, and flushes. After each stay all its blocks are read
 * through another node.
 */
final class LedgerClient extends StormClient {
  private static final int THREADS = 4;
  private static final int LONGEST = 8;
  private static final int LONGEST_STAY_MILLIS = 20_000;

  private final BlockLedger ledger;
  private final AtomicLong writes = new AtomicLong();
  private final AtomicLong reads = new AtomicLong();
  private final Queue<RawNbd> left = new ConcurrentLinkedQueue<>();

  LedgerClient(SharedNodes nodes, String name, BlockLedger ledger, SplittableRandom random) {
    super(nodes, name, random);
    this.ledger = ledger;
    start();
  }

  BlockLedger ledger() {
    return ledger;
  }

  /** How many writes were acknowledged. */
  long writes() {
    return writes.get();
  }

  @Override
  Visit visit(int node, SplittableRandom chance) throws IOException {
    RawNbd connection = nodes.connect(node);
    return new Writing(connection, chance);
  }

  private final class Writing implements Visit {
    private final RawNbd connection;
    private final SplittableRandom chance;
    private final long end;
    private volatile boolean failed;
    private volatile boolean abandoned;

    Writing(RawNbd connection, SplittableRandom chance) {
      this.connection = connection;
      this.chance = chance;
      this.end = System.nanoTime() + chance.nextInt(LONGEST_STAY_MILLIS) * 1_000_000L;
    }

    @Override
    public boolean work() {
      List<CompletableFuture<Boolean>> threads = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        int own = thread;
        SplittableRandom ownChance = chance.split();
        threads.add(CompletableFuture.supplyAsync(() -> write(own, ownChance), Env.system().io()));
      }
      return threads.stream().map(CompletableFuture::join).reduce(true, Boolean::logicalAnd);
    }

    /** Each thread has stripes of its own, so one write of a block is on its way at a time. */
    private boolean write(int thread, SplittableRandom ownChance) {
      int stripes = ledger.blocks() / BlockLedger.STRIPE_BLOCKS / THREADS;
      try {
        while (!failed && !abandoned && !isStopped() && System.nanoTime() < end) {
          int stripe = ownChance.nextInt(stripes) * THREADS + thread;
          int count = 1 + ownChance.nextInt(LONGEST);
          int first =
              stripe * BlockLedger.STRIPE_BLOCKS
                  + ownChance.nextInt(BlockLedger.STRIPE_BLOCKS - count + 1);
          if (!step(first, count, ownChance.nextInt(20))) {
            failed = true;
          }
        }
      } catch (IOException e) {
        failed = true;
      }
      return !failed;
    }

    private boolean step(int first, int count, int choice) throws IOException {
      if (choice == 0) {
        return connection.flush() == 0;
      }
      BlockLedger.Write write = ledger.write(first, count);
      if (connection.write(ledger.offset(first), ledger.data(write), choice < 3) != 0) {
        return false;
      }
      ledger.acknowledged(write);
      writes.incrementAndGet();
      return true;
    }

    /**
     * The connection stays: what the node finds in its socket when it goes on must not be carried
     * out.
     */
    @Override
    public void abandon() {
      abandoned = true;
      left.add(connection);
    }

    @Override
    public void close() throws IOException {
      if (!abandoned) {
        connection.close();
      }
    }
  }

  @Override
  void check(int node) throws IOException {
    read(node, 0, ledger.blocks());
  }

  /** Reads and judges blocks through a node. */
  void read(int node, int from, int to) throws IOException {
    try (RawNbd connection = nodes.connect(node)) {
      for (int first = from; first < to; first += BlockLedger.STRIPE_BLOCKS) {
        readStripe(connection, first, SharedNodes.name(node));
      }
    }
  }

  /** Reads and judges one stripe. */
  void readStripe(RawNbd connection, int first, String through) throws IOException {
    byte[] found = new byte[BlockLedger.STRIPE_BLOCKS * BlockLedger.BLOCK];
    BlockLedger.Floor floor = ledger.floor(first, BlockLedger.STRIPE_BLOCKS);
    int error = connection.read(ledger.offset(first), found);
    if (error != 0) {
      throw new IOException("%s: read error %d".formatted(through, error));
    }
    ledger.check(floor, found, through);
    reads.incrementAndGet();
  }

  @Override
  String account() {
    return "%d writes acknowledged, %d stripes read, %d nodes lost"
        .formatted(writes.get(), reads.get(), losses());
  }

  @Override
  public void close() throws IOException {
    super.close();
    for (RawNbd connection : left) {
      connection.close();
    }
  }
}
