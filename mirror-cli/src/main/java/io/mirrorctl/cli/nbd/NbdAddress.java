package io.mirrorctl.cli.nbd;

import com.google.common.net.HostAndPort;
import java.nio.file.Path;

/** Where an {@link NbdServer} listens, or a client finds it. */
public sealed interface NbdAddress {

  /**
   * A TCP port of one host address.
   *
   * @param host a name or an address; empty means every address of this machine
   * @param port 0 lets the system choose a free one
   */
  record Tcp(String host, int port) implements NbdAddress {
    public Tcp {
      if (port < 0 || port > 65535) {
        throw new IllegalArgumentException("NBD port " + port + " is not in 0..65535");
      }
    }

    @Override
    public String toString() {
      return HostAndPort.fromParts(host, port).toString();
    }
  }

  /** A Unix socket. */
  record Unix(Path path) implements NbdAddress {
    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /**
   * Reads {@code host:port}, {@code [ipv6]:port}, {@code :port} (every address) or {@code
   * unix:PATH}.
   *
   * @throws IllegalArgumentException saying what is wrong with the text
   */
  static NbdAddress parse(String text) {
    if (text.startsWith("unix:")) {
      String path = text.substring("unix:".length());
      if (path.isEmpty()) {
        throw new IllegalArgumentException("NBD address \"unix:\" lacks the path of the socket");
      }
      return new Unix(Path.of(path));
    }
    try {
      HostAndPort parsed = HostAndPort.fromString(text).requireBracketsForIPv6();
      if (parsed.hasPort()) {
        return new Tcp(parsed.getHost(), parsed.getPort());
      }
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new IllegalArgumentException(expected(text), e);
    }
    throw new IllegalArgumentException(expected(text));
  }

  private static String expected(String text) {
    return "NBD address \"%s\" is none of host:port, [ipv6]:port, :port and unix:PATH"
        .formatted(text);
  }
}
