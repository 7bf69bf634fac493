package io.mirrorctl.cli.daemon;

import com.google.common.net.HostAndPort;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;

/**
 * Where a process tells over HTTP how it is.
 *
 * @param host a name or an address
 * @param port 0 lets the system choose a free one
 */
public record HttpAddress(String host, int port) {
  private static final String LOOPBACK = "127.0.0.1";

  /**
   * Reads {@code host:port}, {@code [ipv6]:port}, or {@code :port} and {@code port}, which are for
   * this host only.
   *
   * @throws IllegalArgumentException saying what is wrong with the text
   */
  public static HttpAddress parse(String text) {
    try {
      HostAndPort parsed =
          HostAndPort.fromString(text.matches("[0-9]+") ? ":" + text : text)
              .requireBracketsForIPv6();
      if (parsed.hasPort()) {
        String host = parsed.getHost();
        return new HttpAddress(host.isEmpty() ? LOOPBACK : host, parsed.getPort());
      }
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new IllegalArgumentException(expected(text), e);
    }
    throw new IllegalArgumentException(expected(text));
  }

  private static String expected(String text) {
    return "HTTP address \"%s\" is none of host:port, [ipv6]:port, and :port, which is for this host only"
        .formatted(text);
  }

  /** Whether somebody on another host can connect there. */
  public boolean isOpenToOthers() {
    try {
      return !InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      return false; // listening there will fail with a better message
    }
  }

  InetSocketAddress resolved() throws UnknownHostException {
    return new InetSocketAddress(InetAddress.getByName(host), port);
  }

  @Override
  public String toString() {
    return HostAndPort.fromParts(host, port).toString();
  }
}
