package io.mirrorctl.cli.nbd;

import static com.google.common.base.Preconditions.checkArgument;

import java.time.Duration;
import java.util.Optional;

/**
 * How an {@link NbdDevice} behaves towards its server.
 *
 * @param tls certificates for {@code nbds} URIs; not looked at for the others
 * @param connectTimeout for one attempt: name, connection, TLS and negotiation together
 * @param requestTimeout from sending a request to the end of its answer; a server that takes longer
 *     is taken as lost, as nobody can know what it will still do
 * @param retryLimit how long after the loss of a connection requests wait for a new one before they
 *     fail; zero: not at all
 * @param readOnly whether writes are refused here, so that a read-only export is good enough
 * @param connections how many connections to use at most; more than one only where the server says
 *     that a flush on one covers all (CAN_MULTI_CONN)
 * @param node which node of a cluster this is, for a device that it shares with others: then a loss
 *     is told at every break of a connection, as others may have written too, unless the server is
 *     known to have lost nothing
 */
public record NbdClientConfig(
    NbdClientTls tls,
    Duration connectTimeout,
    Duration requestTimeout,
    Duration retryLimit,
    boolean readOnly,
    int connections,
    Optional<NodeIdentity> node) {

  private static final Duration LONGEST = Duration.ofDays(1);

  /** Read and write, one connection, 10 s to connect, 30 s for a request, 30 s of retry. */
  public static final NbdClientConfig DEFAULT =
      new NbdClientConfig(
          NbdClientTls.DEFAULT,
          Duration.ofSeconds(10),
          Duration.ofSeconds(30),
          Duration.ofSeconds(30),
          false,
          1,
          Optional.empty());

  public NbdClientConfig {
    checkPositive("connect timeout", connectTimeout);
    checkPositive("request timeout", requestTimeout);
    checkArgument(
        !retryLimit.isNegative() && retryLimit.compareTo(LONGEST) <= 0,
        "retry limit %s is not between 0 and %s",
        retryLimit,
        LONGEST);
    checkArgument(
        connections >= 1 && connections <= 16, "%s connections, not 1 to 16", connections);
  }

  private static void checkPositive(String what, Duration time) {
    checkArgument(
        time.toMillis() > 0 && time.compareTo(LONGEST) <= 0,
        "%s %s is not between 1 ms and %s",
        what,
        time,
        LONGEST);
  }

  public NbdClientConfig withTls(NbdClientTls newTls) {
    return new NbdClientConfig(
        newTls, connectTimeout, requestTimeout, retryLimit, readOnly, connections, node);
  }

  public NbdClientConfig withTimeouts(Duration newConnectTimeout, Duration newRequestTimeout) {
    return new NbdClientConfig(
        tls, newConnectTimeout, newRequestTimeout, retryLimit, readOnly, connections, node);
  }

  public NbdClientConfig withRetryLimit(Duration newRetryLimit) {
    return new NbdClientConfig(
        tls, connectTimeout, requestTimeout, newRetryLimit, readOnly, connections, node);
  }

  public NbdClientConfig withReadOnly(boolean newReadOnly) {
    return new NbdClientConfig(
        tls, connectTimeout, requestTimeout, retryLimit, newReadOnly, connections, node);
  }

  public NbdClientConfig withConnections(int newConnections) {
    return new NbdClientConfig(
        tls, connectTimeout, requestTimeout, retryLimit, readOnly, newConnections, node);
  }

  /** As a node of a cluster, on a device that it shares. */
  public NbdClientConfig sharedBy(NodeIdentity newNode) {
    return new NbdClientConfig(
        tls,
        connectTimeout,
        requestTimeout,
        retryLimit,
        readOnly,
        connections,
        Optional.of(newNode));
  }
}
