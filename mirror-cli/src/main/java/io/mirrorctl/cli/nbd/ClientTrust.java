package io.mirrorctl.cli.nbd;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Checks clients' certificates, without telling clients whose certificates would do.
 *
 * <p>The list is a hint that TLS does not demand, and it does harm: a client with GnuTLS (libnbd,
 * QEMU) that gets one looks for a certificate whose key suits the signature schemes offered beside
 * it, does not count RSA-PSS as a scheme for its RSA key, and sends no certificate at all.
 */
final class ClientTrust extends X509ExtendedTrustManager {
  private final X509ExtendedTrustManager rules;

  private ClientTrust(X509ExtendedTrustManager rules) {
    this.rules = rules;
  }

  /** Checks as these do. */
  static TrustManager[] by(TrustManager[] rules) {
    return Arrays.stream(rules)
        .map(one -> new ClientTrust((X509ExtendedTrustManager) one))
        .toArray(TrustManager[]::new);
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0];
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    rules.checkClientTrusted(chain, authType, engine);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    rules.checkClientTrusted(chain, authType, socket);
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    rules.checkClientTrusted(chain, authType);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
      throws CertificateException {
    rules.checkServerTrusted(chain, authType, engine);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
      throws CertificateException {
    rules.checkServerTrusted(chain, authType, socket);
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String authType)
      throws CertificateException {
    rules.checkServerTrusted(chain, authType);
  }
}
