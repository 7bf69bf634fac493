package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import tlschannel.HeapBufferAllocator;
import tlschannel.ServerTlsChannel;

/**
 * The server's side of the upgrade to TLS.
 *
 * @param context empty if TLS is not offered
 * @param required whether nothing else is served
 * @param clientCertificate whether clients must show one
 */
record StartTls(Optional<SSLContext> context, boolean required, boolean clientCertificate) {
  static final StartTls OFF = new StartTls(Optional.empty(), false, false);

  boolean offered() {
    return context.isPresent();
  }

  /**
   * Shakes hands on a line on which the client has been told to begin.
   *
   * @throws ProtocolViolation if it does not come to an agreement
   */
  Transport accept(Line line) throws IOException {
    SSLEngine engine = engine(context.orElseThrow());
    // memory on the heap: what the library would free by itself could still be in use elsewhere
    var channel =
        ServerTlsChannel.newBuilder(line, context.orElseThrow())
            .withEngineFactory(_ -> engine)
            .withEncryptedBufferAllocator(new HeapBufferAllocator())
            .withPlainBufferAllocator(new HeapBufferAllocator())
            .withReleaseBuffers(false)
            .build();
    try {
      channel.handshake();
    } catch (SSLException e) {
      sendAlert(line, engine);
      throw new ProtocolViolation("TLS: " + e.getMessage());
    }
    return Transport.tls(line, channel);
  }

  private SSLEngine engine(SSLContext from) {
    SSLEngine engine = from.createSSLEngine();
    engine.setUseClientMode(false);
    engine.setEnabledProtocols(new String[] {"TLSv1.3"});
    engine.setNeedClientAuth(clientCertificate);
    return engine;
  }

  /** Tells the client why, as far as TLS has words for it. */
  private static void sendAlert(Line line, SSLEngine engine) {
    try {
      ByteBuffer alert = ByteBuffer.allocate(engine.getSession().getPacketBufferSize());
      engine.wrap(ByteBuffer.allocate(0), alert);
      alert.flip();
      while (alert.hasRemaining()) {
        line.write(alert);
      }
    } catch (IOException e) {
      // it will see the connection closed
    }
  }
}
