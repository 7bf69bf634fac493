package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StoreException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryUntilElapsed;
import org.apache.curator.utils.ZookeeperFactory;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;

/**
 * Curator's client, bound to one session: it gets the only handle there will ever be, so that
 * nothing can be sent on a session that came later (CURATOR-604). Curator looks after connections,
 * the user, and a session of which nothing was heard for too long; that it ended is told to us
 * alone.
 */
final class Connection {
  private static final int RETRY_PAUSE_MILLIS = 200;
  private static final int CLOSE_WAIT_MILLIS = 1000;

  private final String servers;
  private final CuratorFramework curator;
  private final CompletableFuture<KeeperState> first = new CompletableFuture<>();
  private final CompletableFuture<Void> closed = new CompletableFuture<>();
  // guarded by this
  private OneSession session;
  private Consumer<WatchedEvent> listener = _ -> {};
  private boolean over;
  private boolean closing;

  Connection(ZooKeeperOptions options, ZKClientConfig config, byte[] user) {
    this.servers = options.connectString();
    CuratorFrameworkFactory.Builder builder =
        CuratorFrameworkFactory.builder()
            .connectString(servers)
            .sessionTimeoutMs((int) options.sessionTimeout().toMillis())
            .connectionTimeoutMs((int) options.connectTimeout().toMillis())
            // for the root alone; commits do not pass here
            .retryPolicy(
                new RetryUntilElapsed(
                    (int) options.connectTimeout().toMillis(), RETRY_PAUSE_MILLIS))
            .ensembleTracker(false)
            .dontUseContainerParents()
            .canBeReadOnly(false)
            .maxCloseWaitMs(CLOSE_WAIT_MILLIS)
            .waitForShutdownTimeoutMs(CLOSE_WAIT_MILLIS)
            .zkClientConfig(config)
            .zookeeperFactory(new Factory());
    if (user.length > 0) {
      builder.authorization("digest", user);
    }
    curator = builder.build();
  }

  private final class Factory implements ZookeeperFactory {
    @Override
    public ZooKeeper newZooKeeper(
        String connectString, int sessionTimeout, Watcher watcher, boolean canBeReadOnly) {
      throw new UnsupportedOperationException("a client without configuration");
    }

    @Override
    public ZooKeeper newZooKeeper(
        String connectString,
        int sessionTimeout,
        Watcher curators,
        boolean canBeReadOnly,
        ZKClientConfig config)
        throws IOException {
      synchronized (Connection.this) {
        if (session != null) {
          throw new IllegalStateException(
              "session 0x%x is not followed by another".formatted(session.getSessionId()));
        }
        session =
            new OneSession(
                connectString,
                sessionTimeout,
                event -> onEvent(event, curators),
                canBeReadOnly,
                config);
        return session;
      }
    }
  }

  private void onEvent(WatchedEvent event, Watcher curators) {
    Consumer<WatchedEvent> told;
    boolean ended;
    synchronized (this) {
      told = listener;
      ended =
          switch (event.getState()) {
            case Expired, AuthFailed, Closed -> true;
            default -> false;
          };
      over |= ended;
    }
    if (!ended) {
      // of an end Curator would make a new beginning
      curators.process(event);
    }
    told.accept(event);
    if (event.getState() != KeeperState.Disconnected) {
      first.complete(event.getState());
    }
  }

  String servers() {
    return servers;
  }

  CuratorFramework curator() {
    return curator;
  }

  /**
   * Starts and waits for a first answer.
   *
   * @return SyncConnected or what was said instead; Disconnected if there was no answer in time
   */
  KeeperState start(Duration timeout) throws InterruptedException, StoreException {
    curator.start();
    try {
      return first.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException _) {
      return KeeperState.Disconnected;
    } catch (ExecutionException e) {
      throw new StoreException("connecting to %s failed".formatted(servers), e.getCause());
    }
  }

  synchronized OneSession session() {
    return session;
  }

  /** From now on the listener is told of what happens to the session, also of its end before. */
  void tellTo(Consumer<WatchedEvent> events) {
    boolean late;
    synchronized (this) {
      listener = events;
      late = over;
    }
    if (late) {
      events.accept(new WatchedEvent(Watcher.Event.EventType.None, KeeperState.Expired, null));
    }
  }

  /** Ends the session on a thread of its own, which keeps the process alive until it is done. */
  void close() {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    Thread.ofPlatform()
        .name("zookeeper-close")
        .daemon(false)
        .start(() -> {
          try {
            curator.close();
          } finally {
            closed.complete(null);
          }
        });
  }

  CompletableFuture<Void> closed() {
    return closed;
  }
}
