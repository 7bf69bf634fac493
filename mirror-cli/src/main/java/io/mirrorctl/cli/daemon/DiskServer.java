package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.cli.nbd.NbdServer;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.cli.nbd.NodeFences;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Exports one raw disk to the nodes of a cluster, and refuses those that are fenced.
 *
 * <p>Threading: any thread. Failure: {@link #start} leaves nothing behind when it fails.
 */
public final class DiskServer implements Closeable {
  private static final System.Logger LOG = System.getLogger(DiskServer.class.getName());
  private static final Path BOOT = Path.of("/proc/sys/kernel/random/boot_id");

  /** Less than the time that a client has for its handshake. */
  private static final Duration LAST_REQUESTS = Duration.ofSeconds(5);

  private final Config config;
  private final FileDevice disk;
  private final NbdServer server;

  /** Locked: two servers would forget each other's fences. */
  private final LockFile stateLock;

  private final DiskMetrics metrics;
  private final Optional<HttpEndpoint> http;

  private boolean closed;

  /**
   * What is served.
   *
   * @param disk an absolute path
   * @param export name of the export; the empty name stands for it too
   * @param state where it is kept who is fenced
   * @param anonymousWriters see {@link NodeFences#load}
   * @param http where it tells how it is, if anywhere
   */
  public record Config(
      Path disk,
      String export,
      Path state,
      boolean anonymousWriters,
      NbdServerConfig nbd,
      Optional<HttpAddress> http) {}

  private DiskServer(
      Config config,
      FileDevice disk,
      NbdServer server,
      LockFile stateLock,
      DiskMetrics metrics,
      Optional<HttpEndpoint> http) {
    this.stateLock = stateLock;
    this.metrics = metrics;
    this.http = http;
    this.config = config;
    this.disk = disk;
    this.server = server;
  }

  /** Serves when this returns. The disk is this server's alone. */
  public static DiskServer start(Config config, Env env) throws IOException {
    FileDevice disk = FileDevice.open(config.disk(), new DeviceAccess.Exclusive());
    var metered = new MeteredDevice(disk, env.ticker());
    var metrics = new DiskMetrics(metered, env);
    LockFile lock = null;
    HttpEndpoint http = null;
    try {
      Path parent = config.state().toAbsolutePath().getParent();
      if (parent != null) {
        Files.createDirectories(parent);
      }
      lock =
          LockFile.take(config.state())
              .orElseThrow(() ->
                  new IOException(
                      "%s: another disk server uses it; give each its own with --state"
                          .formatted(config.state())));
      NodeFences fences =
          NodeFences.load(
              config.state(),
              storage(config.disk(), env),
              config.anonymousWriters(),
              env.ticker(),
              LAST_REQUESTS);
      var exports = new NbdExports();
      exports.add(config.export(), metered, "disk " + config.disk());
      if (config.http().isPresent()) {
        http = HttpEndpoint.start(config.http().get(), metrics, env);
      }
      NbdServer server = NbdServer.start(config.nbd(), exports, Optional.of(fences), env);
      metrics.serves(server);
      return new DiskServer(config, disk, server, lock, metrics, Optional.ofNullable(http));
    } catch (IOException | RuntimeException | Error e) {
      metrics.close();
      if (http != null) {
        http.close();
      }
      OpenDisks.closeAfter(disk, e);
      if (lock != null) {
        lock.close();
      }
      throw e;
    }
  }

  /**
   * The same as long as the disk is and the kernel below runs on: what a server has answered that
   * was killed is in the disk, or in the kernel.
   */
  private static UUID storage(Path disk, Env env) throws IOException {
    String boot;
    try {
      boot = Files.readString(BOOT);
    } catch (IOException e) {
      LOG.log(
          Level.INFO, "{0} cannot be read, so every start counts as one of the host: {1}", BOOT, e);
      boot = env.randomUuid().toString();
    }
    String identity =
        Files.readAttributes(disk, "unix:dev,ino,rdev").entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(attribute -> attribute.getKey() + "=" + attribute.getValue())
            .collect(Collectors.joining(","));
    return UUID.nameUUIDFromBytes((boot.strip() + " " + identity).getBytes(UTF_8));
  }

  /** Whether I/O goes past the page cache. */
  public boolean isDirect() {
    return disk.direct();
  }

  /** Where clients find it, with the ports that the system chose. */
  public List<NbdAddress> addresses() {
    return server.addresses();
  }

  /** Where it tells how it is, with the port that the system chose. */
  public Optional<HttpAddress> httpAddress() {
    return http.map(HttpEndpoint::address);
  }

  /** What the process prints when it serves. */
  public String readyLine() {
    return "ready disk=%s name=%s nbd=%s state=%s%s"
        .formatted(
            config.disk(),
            config.export(),
            addresses().stream().map(NbdAddress::toString).collect(Collectors.joining(",")),
            config.state(),
            httpAddress().map(address -> " http=" + address).orElse(""));
  }

  /** Finishes requests in flight and gives the disk up. */
  @Override
  public synchronized void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    metrics.close();
    try (stateLock;
        disk) {
      server.close();
    } finally {
      http.ifPresent(HttpEndpoint::close);
    }
    LOG.log(Level.INFO, "{0} is no longer served", config.disk());
  }
}
