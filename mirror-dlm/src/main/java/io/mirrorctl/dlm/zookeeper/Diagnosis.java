package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.common.ClientX509Util;
import org.apache.zookeeper.common.X509Exception;

/** Asks each server itself why there is no session with them. */
final class Diagnosis {
  private static final int PATIENCE_MILLIS = 2000;
  private static final int REFUSAL_MILLIS = 500;
  private static final int ANSWER_BYTES = 4096;
  private static final byte[] QUESTION = "srvr".getBytes(StandardCharsets.US_ASCII);

  private final ZooKeeperOptions options;
  private final ZKClientConfig config;

  Diagnosis(ZooKeeperOptions options, ZKClientConfig config) {
    this.options = options;
    this.config = config;
  }

  /** What to say when the servers did not answer in time. */
  StoreException ofSilence() {
    String[] servers = options.connectString().split(",", -1);
    List<String> findings = new ArrayList<>();
    int up = 0;
    int distrust = 0;
    for (String server : servers) {
      Finding finding = ask(server);
      findings.add(server + ": " + finding.text);
      switch (finding.server) {
        case UP -> up++;
        case DISTRUST -> distrust++;
        case AWAY -> {}
      }
    }
    String summary =
        up == 0
            ? "cannot be reached"
            : "has no quorum, or does not answer in time (%d of %d servers are up)"
                .formatted(up, servers.length);
    Kind kind =
        up > 0
            ? Kind.NO_QUORUM
            : 2 * distrust > servers.length ? Kind.TLS_REFUSED : Kind.UNREACHABLE;
    return new StoreException(
        kind,
        "ZooKeeper %s %s after %d ms: %s"
            .formatted(
                options.connectString(),
                summary,
                options.connectTimeout().toMillis(),
                String.join("; ", findings)));
  }

  private enum Server {
    /** It talks to us. */
    UP,
    /** It, or we, will have no TLS with the other, and that stays so. */
    DISTRUST,
    AWAY
  }

  /** What one server has to say. */
  private record Finding(Server server, String text) {}

  private Finding ask(String server) {
    int colon = server.lastIndexOf(':');
    var address =
        new InetSocketAddress(
            server.substring(0, colon), Integer.parseInt(server.substring(colon + 1)));
    try (var socket = new Socket()) {
      if (address.isUnresolved()) {
        throw new UnknownHostException("unknown host");
      }
      socket.setSoTimeout(PATIENCE_MILLIS);
      socket.connect(address, PATIENCE_MILLIS);
      return options.tls().isPresent() ? askSafely(socket, address) : asked(socket);
    } catch (SocketTimeoutException _) {
      return new Finding(Server.AWAY, "no answer" + hint());
    } catch (SSLException e) {
      return ofFailedHandshake(address, e);
    } catch (IOException e) {
      return new Finding(Server.AWAY, e.getMessage());
    } catch (X509Exception e) {
      return new Finding(Server.AWAY, "TLS files cannot be used: " + innermost(e));
    }
  }

  /** A server without TLS may just close the connection, as one does that goes down. */
  private Finding ofFailedHandshake(InetSocketAddress address, SSLException failure) {
    String text = "TLS failed: " + innermost(failure);
    if (server(failure) == Server.AWAY) {
      try (var socket = new Socket()) {
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.connect(address, PATIENCE_MILLIS);
        if (asked(socket).server == Server.UP) {
          return new Finding(Server.DISTRUST, text + "; it answers without");
        }
      } catch (IOException _) {
        // it is away by now
      }
    }
    return new Finding(server(failure), text);
  }

  private Finding askSafely(Socket socket, InetSocketAddress address)
      throws IOException, X509Exception {
    try (var util = new ClientX509Util()) {
      SSLContext context = util.createSSLContext(config);
      try (var secure =
          (SSLSocket)
              context
                  .getSocketFactory()
                  .createSocket(socket, address.getHostString(), address.getPort(), false)) {
        SSLParameters parameters = secure.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secure.setSSLParameters(parameters);
        secure.startHandshake();
        return askedAfterHandshake(secure);
      }
    }
  }

  /** A server judges the client's certificate when the handshake is over for the client. */
  private Finding askedAfterHandshake(SSLSocket socket) {
    try {
      awaitRefusal(socket);
      return asked(socket);
    } catch (SocketTimeoutException _) {
      return new Finding(Server.AWAY, "no answer");
    } catch (IOException e) {
      String certificate =
          options.tls().flatMap(ZooKeeperOptions.Tls::keyStore).isPresent()
              ? "refuses our certificate"
              : "wants a certificate of ours";
      return new Finding(
          server(e), "TLS failed: perhaps it %s (%s)".formatted(certificate, innermost(e)));
    }
  }

  /** Before anything is sent: a connection that breaks under it may lose the server's alert. */
  private static void awaitRefusal(SSLSocket socket) throws IOException {
    socket.setSoTimeout(REFUSAL_MILLIS);
    try {
      if (socket.getInputStream().read() < 0) {
        throw new EOFException("connection closed after the handshake");
      }
    } catch (SocketTimeoutException _) {
      // it waits for us, as it should
    }
    socket.setSoTimeout(PATIENCE_MILLIS);
  }

  /** A handshake that was only cut off may succeed the next time. */
  private static Server server(IOException e) {
    Throwable first = innermostOf(e);
    return first instanceof SSLException || first instanceof GeneralSecurityException
        ? Server.DISTRUST
        : Server.AWAY;
  }

  private Finding asked(Socket socket) throws IOException {
    socket.getOutputStream().write(QUESTION);
    socket.getOutputStream().flush();
    String answer =
        new String(socket.getInputStream().readNBytes(ANSWER_BYTES), StandardCharsets.UTF_8);
    if (answer.isEmpty()) {
      throw new EOFException("connection closed without an answer" + hint());
    }
    if (answer.contains("not currently serving")) {
      return new Finding(Server.UP, "up, but serves nobody for want of a quorum");
    }
    if (answer.startsWith("Zookeeper version")) {
      return new Finding(Server.UP, "up and serving now");
    }
    if (answer.contains("not in the whitelist")) {
      return new Finding(Server.UP, "up, but does not tell its state");
    }
    return new Finding(Server.AWAY, "does not answer as ZooKeeper does" + hint());
  }

  private String hint() {
    return options.tls().isPresent() ? "" : " (does this port want TLS?)";
  }

  /** What went wrong first. */
  static String innermost(Throwable e) {
    return innermostOf(e).getMessage();
  }

  private static Throwable innermostOf(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return cause;
  }
}
