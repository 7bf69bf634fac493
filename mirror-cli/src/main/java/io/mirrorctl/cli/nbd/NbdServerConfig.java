package io.mirrorctl.cli.nbd;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.block.AlignedBuffers;
import java.time.Duration;
import java.util.List;

/**
 * How an {@link NbdServer} is to run.
 *
 * @param addresses where it listens
 * @param tls whether and how it encrypts
 * @param connections how many there may be at a time; more are closed at once
 * @param requestsPerConnection requests read and not answered; a client that sends more waits. Also
 *     the threads that one connection may use
 * @param threads how many all connections together may use beyond one each
 * @param inFlightBytes payload of all connections in memory; beyond it they are not read from. No
 *     connection gets more than a quarter of it, or one request
 * @param maxRequestBytes the longest read or write, from 1 MiB to 32 MiB
 * @param handshakeLimit time from the connection to the first request, TLS included
 * @param stallLimit how long a client may pause in the middle of a request, or not take a reply
 * @param drainLimit time for requests in flight when the server closes
 */
public record NbdServerConfig(
    List<NbdAddress> addresses,
    NbdTls tls,
    int connections,
    int requestsPerConnection,
    int threads,
    long inFlightBytes,
    int maxRequestBytes,
    Duration handshakeLimit,
    Duration stallLimit,
    Duration drainLimit) {

  public NbdServerConfig {
    addresses = List.copyOf(addresses);
    checkArgument(!addresses.isEmpty(), "an NBD server needs an address to listen on");
    checkArgument(connections > 0, "%s connections", connections);
    checkArgument(requestsPerConnection > 0, "%s requests per connection", requestsPerConnection);
    checkArgument(threads >= 0, "%s threads", threads);
    checkArgument(
        maxRequestBytes >= 1 << 20 && maxRequestBytes <= AlignedBuffers.LARGEST,
        "a longest request of %s bytes is not in 1 MiB..32 MiB",
        maxRequestBytes);
    checkArgument(
        inFlightBytes >= maxRequestBytes,
        "%s bytes in flight do not hold one request of %s",
        inFlightBytes,
        maxRequestBytes);
    checkArgument(handshakeLimit.isPositive(), "handshake limit %s", handshakeLimit);
    checkArgument(stallLimit.isPositive(), "stall limit %s", stallLimit);
    checkArgument(!drainLimit.isNegative(), "drain limit %s", drainLimit);
  }

  /** The defaults, without TLS, on these addresses. */
  public static NbdServerConfig on(NbdAddress... addresses) {
    // direct memory is bounded by the heap's maximum; other parts of the process want some too
    long bytes = Math.clamp(Runtime.getRuntime().maxMemory() / 4, 64L << 20, 512L << 20);
    return new NbdServerConfig(
        List.of(addresses),
        NbdTls.OFF,
        256,
        128,
        512,
        bytes,
        Nbd.DEFAULT_MAX_PAYLOAD,
        Duration.ofSeconds(10),
        Duration.ofSeconds(60),
        Duration.ofSeconds(30));
  }

  public NbdServerConfig withTls(NbdTls value) {
    return new NbdServerConfig(
        addresses,
        value,
        connections,
        requestsPerConnection,
        threads,
        inFlightBytes,
        maxRequestBytes,
        handshakeLimit,
        stallLimit,
        drainLimit);
  }

  /** Other limits of size. */
  public NbdServerConfig withLimits(
      int connections, int requestsPerConnection, int threads, long inFlightBytes) {
    return new NbdServerConfig(
        addresses,
        tls,
        connections,
        requestsPerConnection,
        threads,
        inFlightBytes,
        maxRequestBytes,
        handshakeLimit,
        stallLimit,
        drainLimit);
  }

  /** Other limits of time. */
  public NbdServerConfig withTimes(Duration handshake, Duration stall, Duration drain) {
    return new NbdServerConfig(
        addresses,
        tls,
        connections,
        requestsPerConnection,
        threads,
        inFlightBytes,
        maxRequestBytes,
        handshake,
        stall,
        drain);
  }
}
