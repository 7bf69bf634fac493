package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.core.env.Loop;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;

/** The sessions of a test, each with a loop of its own; all end with it. */
public final class Sessions implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 30;

  private final Deque<AutoCloseable> open = new ConcurrentLinkedDeque<>();
  private final List<Throwable> thrown = new ArrayList<>();

  /** A loop that notes what its tasks throw, for {@link #close} to throw it. */
  public Loop loop(String name) {
    Loop loop =
        Loop.start(
            name,
            (_, e) -> {
              synchronized (thrown) {
                thrown.add(e);
              }
            });
    open.push(loop);
    return loop;
  }

  /** A session. */
  public ZooKeeperStore connect(ZooKeeperOptions options, Loop loop) {
    ZooKeeperStore store =
        ZooKeeperStore.connect(options, loop).orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    open.push(() -> {
      store.close();
      store.closed().orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).join();
    });
    return store;
  }

  /** A session on a loop of its own. */
  public ZooKeeperStore connect(ZooKeeperOptions options) {
    return connect(options, loop("loop of " + options.connectString()));
  }

  /** Closes something else at the end. */
  public <T extends AutoCloseable> T also(T resource) {
    open.push(resource);
    return resource;
  }

  /** Has the servers end a session at once: by its own password, from elsewhere. */
  public static void expire(ZooKeeperStore store, String servers) {
    var connected = new CountDownLatch(1);
    try {
      var twin =
          new ZooKeeper(
              servers,
              (int) Duration.ofSeconds(PATIENCE_SECONDS).toMillis(),
              event -> {
                if (event.getState() == KeeperState.SyncConnected) {
                  connected.countDown();
                }
              },
              store.sessionId(),
              store.session().getSessionPasswd());
      boolean letIn = connected.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
      twin.close();
      if (!letIn) {
        throw new AssertionError("the twin of the session was not let in");
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
    synchronized (thrown) {
      if (!thrown.isEmpty()) {
        throw new AssertionError("a task of a loop threw", thrown.getFirst());
      }
    }
  }
}
