package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StorePath;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Where a store is and how to get there.
 *
 * @param connectString {@code host:port}, several with commas: servers of one ensemble
 * @param root path of the znode below which everything is kept; made when it is missing
 * @param sessionTimeout what is asked for; the servers grant between 2 and 20 of their ticks
 * @param connectTimeout how long to try before giving up
 * @param user file with one line, {@code name:password}: the ZooKeeper user (scheme digest) who
 *     owns all znodes; without it they are open to everybody who reaches the servers
 * @param tls for servers that are reached by their secure port
 */
public record ZooKeeperOptions(
    String connectString,
    String root,
    Duration sessionTimeout,
    Duration connectTimeout,
    Optional<Path> user,
    Optional<Tls> tls) {

  /**
   * Key material in files; PEM, JKS or PKCS12 by their suffix ({@code .pem}, {@code .jks}, {@code
   * .p12}). Host names of servers are checked against their certificates.
   *
   * @param trustStore certificates of the authorities that are believed
   * @param trustStorePassword file that holds its password
   * @param keyStore this node's key and certificate, if the servers ask for one
   * @param keyStorePassword file that holds its password
   */
  public record Tls(
      Path trustStore,
      Optional<Path> trustStorePassword,
      Optional<Path> keyStore,
      Optional<Path> keyStorePassword) {}

  private static final Pattern SERVERS = Pattern.compile("[^\\s,/]+:\\d+(,[^\\s,/]+:\\d+)*");
  private static final long LEAST_MILLIS = 100;
  private static final Duration SESSION = Duration.ofSeconds(9);
  private static final Duration CONNECT = Duration.ofSeconds(15);

  /** Refuses what cannot be meant. */
  public ZooKeeperOptions {
    if (!SERVERS.matcher(connectString).matches()) {
      throw new IllegalArgumentException(
          "servers \"%s\": wanted host:port, several with commas and without a path"
              .formatted(connectString));
    }
    StorePath.entry(root);
    if (root.equals("/zookeeper") || root.startsWith("/zookeeper/")) {
      throw new IllegalArgumentException("root %s belongs to ZooKeeper itself".formatted(root));
    }
    millis("session timeout", sessionTimeout);
    millis("connect timeout", connectTimeout);
  }

  private static void millis(String name, Duration time) {
    if (time.toMillis() < LEAST_MILLIS || time.toMillis() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "%s of %d ms: wanted %d to %d"
              .formatted(name, time.toMillis(), LEAST_MILLIS, Integer.MAX_VALUE));
    }
  }

  /** A session timeout of 9 s, 15 s to connect, no user, no TLS. */
  public static ZooKeeperOptions of(String connectString, String root) {
    return new ZooKeeperOptions(
        connectString, root, SESSION, CONNECT, Optional.empty(), Optional.empty());
  }

  /** The same with another session timeout. */
  public ZooKeeperOptions withSessionTimeout(Duration timeout) {
    return new ZooKeeperOptions(connectString, root, timeout, connectTimeout, user, tls);
  }

  /** The same with another time to connect. */
  public ZooKeeperOptions withConnectTimeout(Duration timeout) {
    return new ZooKeeperOptions(connectString, root, sessionTimeout, timeout, user, tls);
  }

  /** The same with a user. */
  public ZooKeeperOptions withUser(Path file) {
    return new ZooKeeperOptions(
        connectString, root, sessionTimeout, connectTimeout, Optional.of(file), tls);
  }

  /** The same with TLS. */
  public ZooKeeperOptions withTls(Tls material) {
    return new ZooKeeperOptions(
        connectString, root, sessionTimeout, connectTimeout, user, Optional.of(material));
  }
}
