package io.mirrorctl.dlm.simulation;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreContract;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;

class MemoryStoreTest extends StoreContract {
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final Simulation simulation = new Simulation(seed());
  private final MemoryServers servers = new MemoryServers(simulation).patient();

  private static long seed() {
    return Long.getLong("seed", new SplittableRandom().nextLong());
  }

  @BeforeEach
  void printSeed(TestInfo test) {
    System.out.println(simulation + " " + test.getDisplayName());
  }

  @Override
  protected boolean until(BooleanSupplier condition) {
    return simulation.runUntil(condition, PATIENCE);
  }

  @Override
  protected Peer peer() {
    SimulatedNode node = simulation.node("peer");
    MemoryStore store = servers.connect(node, Duration.ofSeconds(10));
    return new Peer() {
      @Override
      public Store store() {
        return store;
      }

      @Override
      public Loop loop() {
        return node.loop();
      }

      @Override
      public void cut() {
        node.cut();
      }

      @Override
      public void restore() {
        node.restore();
      }

      @Override
      public void loseNextAnswer(boolean done) {
        store.loseAnswer(1, done ? MemoryStore.Fate.DONE : MemoryStore.Fate.NOT_DONE);
      }

      @Override
      public void expire() {
        servers.expire(store.sessionId());
      }
    };
  }
}
