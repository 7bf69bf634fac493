package io.mirrorctl.dlm.zookeeper;

import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreContract;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

class ZooKeeperStoreTest extends StoreContract {
  private static final AtomicInteger ROOTS = new AtomicInteger();
  private static EmbeddedZooKeeper server;

  private final Sessions sessions = new Sessions();
  private final String root = "/contract/" + ROOTS.incrementAndGet();

  @BeforeAll
  static void start(@TempDir Path directory) throws Exception {
    server =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory).withTick(Duration.ofMillis(200)));
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @AfterEach
  void close() {
    sessions.close();
  }

  @Override
  protected boolean until(BooleanSupplier condition) {
    try {
      await()
          .atMost(Duration.ofSeconds(30))
          .pollDelay(Duration.ZERO)
          .pollInterval(Duration.ofMillis(5))
          .until(condition::getAsBoolean);
      return true;
    } catch (ConditionTimeoutException _) {
      return false;
    }
  }

  @Override
  protected Peer peer() {
    TcpProxy proxy = sessions.also(new TcpProxy(server.connectString()));
    Loop loop = sessions.loop("peer");
    ZooKeeperStore store =
        sessions.connect(
            ZooKeeperOptions.of(proxy.connectString(), root)
                .withSessionTimeout(Duration.ofSeconds(4)),
            loop);
    return new Peer() {
      @Override
      public Store store() {
        return store;
      }

      @Override
      public Loop loop() {
        return loop;
      }

      @Override
      public void cut() {
        proxy.cut();
      }

      @Override
      public void restore() {
        proxy.restore();
      }

      @Override
      public void loseNextAnswer(boolean done) {
        if (done) {
          proxy.loseNextAnswer();
        } else {
          proxy.loseNextRequest();
        }
      }

      @Override
      public void expire() {
        Sessions.expire(store, server.connectString());
      }
    };
  }
}
