package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Makes TLS contexts from PEM files. */
final class TlsContexts {
  /** Key stores want a password even where they live in memory for a moment. */
  private static final char[] NO_PASSWORD = new char[0];

  private TlsContexts() {}

  /**
   * For the side that is connected to.
   *
   * @param clientAuthority who vouches for clients; empty if they need no certificate
   * @throws IOException naming the file and what is wrong with it
   */
  static SSLContext server(Path certificates, Path key, Optional<Path> clientAuthority)
      throws IOException {
    try {
      KeyManager[] identity = identity(certificates, key);
      TrustManager[] trust =
          clientAuthority.isPresent()
              ? ClientTrust.by(authorities(clientAuthority.get()))
              : new TrustManager[0];
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(identity, trust, null);
      return context;
    } catch (GeneralSecurityException e) {
      throw new IOException("TLS with %s and %s: %s".formatted(certificates, key, e), e);
    }
  }

  /** Shows this certificate chain to the peer. */
  static KeyManager[] identity(Path certificates, Path key)
      throws IOException, GeneralSecurityException {
    List<X509Certificate> chain = Pem.certificates(certificates);
    PrivateKey privateKey = Pem.privateKey(key);
    Pem.checkPair(certificates, chain.getFirst(), key, privateKey);
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry("own", privateKey, NO_PASSWORD, chain.toArray(X509Certificate[]::new));
    KeyManagerFactory factory =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    factory.init(store, NO_PASSWORD);
    return factory.getKeyManagers();
  }

  /** Trusts peers whose certificates these authorities have signed. */
  static TrustManager[] authorities(Path file) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    int index = 0;
    for (X509Certificate authority : Pem.certificates(file)) {
      store.setCertificateEntry("authority" + index++, authority);
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory.getTrustManagers();
  }
}
