package io.mirrorctl.it;

import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;

/** Reads what others write, through one node after the other, and judges all it gets. */
final class StormReader {
  private static final int STAY = 200;

  private final SharedNodes nodes;
  private final List<LedgerClient> writers;
  private final SplittableRandom random;
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private volatile boolean stopped;

  StormReader(SharedNodes nodes, List<LedgerClient> writers, SplittableRandom random) {
    this.nodes = nodes;
    this.writers = List.copyOf(writers);
    this.random = random;
    Thread.ofPlatform()
        .daemon()
        .name("storm-reader")
        .start(() -> {
          try {
            while (!stopped) {
              visit(random.nextInt(nodes.count()));
            }
            ended.complete(null);
          } catch (InterruptedException | RuntimeException | AssertionError e) {
            ended.completeExceptionally(e);
          }
        });
  }

  private void visit(int node) throws InterruptedException {
    try (RawNbd connection = nodes.connect(node)) {
      for (int read = 0; read < STAY && !stopped; read++) {
        LedgerClient writer = writers.get(random.nextInt(writers.size()));
        int stripes = writer.ledger().blocks() / BlockLedger.STRIPE_BLOCKS;
        writer.readStripe(
            connection,
            random.nextInt(stripes) * BlockLedger.STRIPE_BLOCKS,
            SharedNodes.name(node));
      }
    } catch (IOException e) {
      Thread.sleep(50); // the node is away
    }
  }

  /** Throws what it found wrong, if it did. */
  void assertWell() {
    if (ended.isCompletedExceptionally()) {
      ended.join();
    }
  }

  void stop() {
    stopped = true;
    ended.join();
  }
}
