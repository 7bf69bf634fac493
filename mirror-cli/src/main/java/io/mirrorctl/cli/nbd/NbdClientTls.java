package io.mirrorctl.cli.nbd;

import com.google.common.base.Throwables;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManager;

/**
 * Whom a client trusts over TLS and who it says it is. The files are PEM and are read anew for each
 * connection, so renewed certificates are taken up by the next one.
 *
 * @param authorities certificates of the authorities that may sign the server's; without it those
 *     of the Java runtime
 * @param certificate this client's certificate, followed by those between it and its authority
 * @param key the private key of that certificate, PKCS#8 without a password
 * @param verifyHostname whether the server's certificate must carry the name that was dialled. A
 *     Unix socket has no such name, so there it is checked only if the URI gives one
 */
public record NbdClientTls(
    Optional<Path> authorities,
    Optional<Path> certificate,
    Optional<Path> key,
    boolean verifyHostname) {

  /** The runtime's authorities, no client certificate, host name verified. */
  public static final NbdClientTls DEFAULT =
      new NbdClientTls(Optional.empty(), Optional.empty(), Optional.empty(), true);

  public NbdClientTls {
    if (certificate.isPresent() != key.isPresent()) {
      throw new IllegalArgumentException(
          "a client certificate and its private key must be given together");
    }
  }

  /** Trusts the authorities in the file, and nobody else. */
  public static NbdClientTls trusting(Path authorities) {
    return new NbdClientTls(Optional.of(authorities), Optional.empty(), Optional.empty(), true);
  }

  /** Shows this certificate to servers that ask for one. */
  public NbdClientTls presenting(Path newCertificate, Path newKey) {
    return new NbdClientTls(
        authorities, Optional.of(newCertificate), Optional.of(newKey), verifyHostname);
  }

  /** Takes any certificate that a trusted authority has signed, whatever name it carries. */
  public NbdClientTls withoutHostnameVerification() {
    return new NbdClientTls(authorities, certificate, key, false);
  }

  /**
   * Finds out early whether the files can be used.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  public void check() throws IOException {
    context();
  }

  private SSLContext context() throws IOException {
    try {
      KeyManager[] shown =
          certificate.isPresent()
              ? TlsContexts.identity(certificate.get(), key.orElseThrow())
              : new KeyManager[0];
      TrustManager[] trusted =
          authorities.isPresent() ? TlsContexts.authorities(authorities.get()) : null;
      var context = SSLContext.getInstance("TLS");
      context.init(shown, trusted, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("TLS cannot be set up: " + e.getMessage(), e);
    }
  }

  /** What the failure of a handshake means, for people. */
  String explain(SSLException e) {
    Throwable cause = Throwables.getRootCause(e);
    String said = String.valueOf(e.getMessage());
    if (cause instanceof CertPathBuilderException || cause instanceof CertPathValidatorException) {
      return "its certificate is not trusted: none of the authorities in %s has signed it (%s)"
              .formatted(
                  authorities.map(Path::toString).orElse("the Java runtime"), cause.getMessage())
          + "; name the PEM file of its authority with --disk-tls-ca";
    }
    if (cause instanceof CertificateExpiredException
        || cause instanceof CertificateNotYetValidException) {
      return "its certificate is not valid today (%s); renew it, or look at the clocks"
          .formatted(cause.getMessage());
    }
    if (cause instanceof CertificateException
        && (said.contains("name matching") || said.contains("ubject alternative"))) {
      return "its certificate is for another name (%s); if that is right, give the name in the URL as tls-hostname=NAME"
          .formatted(cause.getMessage());
    }
    if (said.contains("Received fatal alert")) {
      return "it ends TLS (%s); see what it logged".formatted(said);
    }
    return "TLS fails: " + said;
  }

  /** A fresh client engine for a connection to this URI. */
  SSLEngine engine(NbdUri uri) throws IOException {
    SSLContext context = context();
    Optional<String> dialled =
        switch (uri.address()) {
          case NbdAddress.Tcp(String host, int _) -> Optional.of(host);
          case NbdAddress.Unix _ -> Optional.empty();
        };
    Optional<String> expected = uri.tlsHostname().or(() -> dialled);
    SSLEngine engine =
        expected.isPresent()
            ? context.createSSLEngine(expected.get(), Nbd.PORT)
            : context.createSSLEngine();
    engine.setUseClientMode(true);
    var parameters = engine.getSSLParameters();
    parameters.setProtocols(new String[] {"TLSv1.3", "TLSv1.2"});
    if (verifyHostname && expected.isPresent()) {
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
    }
    engine.setSSLParameters(parameters);
    return engine;
  }
}
