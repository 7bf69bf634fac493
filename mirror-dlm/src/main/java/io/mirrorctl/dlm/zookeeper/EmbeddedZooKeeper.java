package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StoreException;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.zookeeper.server.DatadirCleanupManager;
import org.apache.zookeeper.server.ServerConfig;
import org.apache.zookeeper.server.ZooKeeperServerMain;
import org.apache.zookeeper.util.ServiceUtils;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A ZooKeeper server of its own for nodes that all run on this host. What it has answered is on the
 * disk: the log is flushed before each answer. It is no ensemble; when this process ends, the store
 * is away until it is started again.
 *
 * <p>There is no user and no TLS: everybody who reaches the port may do everything, so it listens
 * on the loopback address unless told otherwise.
 *
 * <p>For the whole process it turns ZooKeeper's admin server off, and keeps ZooKeeper from ending
 * the process when a disk fails: {@link #ended} tells.
 *
 * <p>Threading: start and close block; safe from any thread.
 */
public final class EmbeddedZooKeeper implements AutoCloseable {
  /**
   * What to run.
   *
   * @param directory where its data are; made when it is missing, and used by one process at a time
   * @param host address to listen on
   * @param port 0 takes a free one
   * @param tick sessions get a timeout of 2 to 20 ticks
   */
  public record Options(Path directory, String host, int port, Duration tick) {
    private static final Duration TICK = Duration.ofSeconds(2);

    /** On the loopback address, at a free port, with ticks of 2 s. */
    public static Options in(Path directory) {
      return new Options(directory, "127.0.0.1", 0, TICK);
    }

    /** The same at another port. */
    public Options withPort(int other) {
      return new Options(directory, host, other, tick);
    }

    /** The same on another address. */
    public Options withHost(String other) {
      return new Options(directory, other, port, tick);
    }

    /** The same with other ticks. */
    public Options withTick(Duration other) {
      return new Options(directory, host, port, other);
    }
  }

  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedZooKeeper.class);
  private static final long START_SECONDS = 60;
  private static final int KEPT_SNAPSHOTS = 3;
  private static final int PURGE_HOURS = 24;

  private final Options options;
  private final DataDirectory directory;
  private final CompletableFuture<Void> started = new CompletableFuture<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private final Server server = new Server();
  private final DatadirCleanupManager purge;

  private EmbeddedZooKeeper(Options options, DataDirectory directory) {
    this.options = options;
    this.directory = directory;
    var data = directory.path().toFile();
    purge = new DatadirCleanupManager(data, data, KEPT_SNAPSHOTS, PURGE_HOURS);
  }

  /**
   * Starts a server and waits until it serves.
   *
   * @throws StoreException if the directory is in use or holds something else, the port is taken,
   *     or the data are damaged
   */
  public static EmbeddedZooKeeper start(Options options) throws StoreException {
    if ("no".equals(System.getProperty("zookeeper.forceSync"))) {
      throw new StoreException(
          "zookeeper.forceSync=no is set: ZooKeeper would forget what it has answered");
    }
    System.setProperty("zookeeper.admin.enableServer", "false");
    ServiceUtils.setSystemExitProcedure(
        code -> LOG.error("ZooKeeper wanted this process to exit with code {}", code));
    DataDirectory directory = DataDirectory.claim(options.directory());
    var embedded = new EmbeddedZooKeeper(options, directory);
    try {
      embedded.run();
      return embedded;
    } catch (StoreException e) {
      embedded.close();
      throw e;
    }
  }

  private void run() throws StoreException {
    Thread.ofPlatform().name("zookeeper-server").daemon(true).start(this::serve);
    try {
      started.get(START_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw failed(e.getCause());
    } catch (TimeoutException e) {
      throw new StoreException(
          "ZooKeeper in %s does not serve after %d s".formatted(directory, START_SECONDS), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StoreException("ZooKeeper in %s: start interrupted".formatted(directory), e);
    }
    purge.start();
  }

  private StoreException failed(Throwable cause) {
    String text =
        cause instanceof BindException
            ? "ZooKeeper cannot listen on %s port %d: %s"
                .formatted(options.host(), options.port(), cause.getMessage())
            : "ZooKeeper in %s cannot start: %s".formatted(directory, cause);
    return new StoreException(text, cause);
  }

  private void serve() {
    try {
      server.runFromConfig(new Config());
      started.completeExceptionally(new IOException("ended at once"));
    } catch (Exception | Error e) {
      if (!started.completeExceptionally(e)) {
        LOG.error("ZooKeeper in {} failed", directory, e);
      }
    } finally {
      ended.complete(null);
    }
  }

  private final class Config extends ServerConfig {
    Config() {
      clientPortAddress = new InetSocketAddress(options.host(), options.port());
      dataDir = directory.path().toFile();
      dataLogDir = dataDir;
      tickTime = (int) options.tick().toMillis();
      maxClientCnxns = 0;
    }
  }

  private final class Server extends ZooKeeperServerMain {
    @Override
    protected void serverStarted() {
      started.complete(null);
    }
  }

  /** How to reach it from this host. */
  public String connectString() {
    boolean everywhere = new InetSocketAddress(options.host(), 1).getAddress().isAnyLocalAddress();
    return "%s:%d".formatted(everywhere ? "127.0.0.1" : options.host(), port());
  }

  /** The port it listens on. */
  public int port() {
    return server.getClientPort();
  }

  /** Complete when it serves no longer, closed or failed; the log says why it failed. */
  public CompletableFuture<Void> ended() {
    return ended.copy();
  }

  /** Stops serving; what was answered is kept for the next start. */
  @Override
  public void close() {
    purge.shutdown();
    server.close();
    ended.orTimeout(START_SECONDS, TimeUnit.SECONDS).handle((_, _) -> null).join();
    directory.release();
  }
}
