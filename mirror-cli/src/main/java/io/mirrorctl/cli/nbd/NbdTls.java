package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How a server encrypts.
 *
 * @param mode whether clients may or must use TLS
 * @param certificates PEM file: the server's certificate, then those that lead to its authority
 * @param key PEM file: the private key of the first certificate, PKCS#8, not encrypted
 * @param clientAuthority PEM file: authorities one of which must have signed a client's
 *     certificate; empty if clients need none
 */
public record NbdTls(
    Mode mode, Optional<Path> certificates, Optional<Path> key, Optional<Path> clientAuthority) {

  /** No TLS. */
  public static final NbdTls OFF =
      new NbdTls(Mode.OFF, Optional.empty(), Optional.empty(), Optional.empty());

  /** What clients may do. */
  public enum Mode {
    /** Only plain text. */
    OFF,
    /** Either; someone between client and server can make them use plain text. */
    ALLOW,
    /** Only TLS; nothing is told to a client before. */
    REQUIRE
  }

  public NbdTls {
    if (mode != Mode.OFF && (certificates.isEmpty() || key.isEmpty())) {
      throw new IllegalArgumentException(
          "TLS needs a certificate and its private key; give both, as by --tls-cert and --tls-key");
    }
    if (mode == Mode.ALLOW && clientAuthority.isPresent()) {
      throw new IllegalArgumentException(
          "client certificates protect nothing while plain text is allowed; require TLS");
    }
  }

  /** TLS with the certificate and key of these files. */
  public static NbdTls of(Mode mode, Path certificates, Path key) {
    return new NbdTls(mode, Optional.of(certificates), Optional.of(key), Optional.empty());
  }

  /** The same, for clients with a certificate of these authorities only. */
  public NbdTls withClientAuthority(Path file) {
    return new NbdTls(mode, certificates, key, Optional.of(file));
  }

  /**
   * Reads the files.
   *
   * @throws IOException naming the file and what is wrong with it
   */
  StartTls load() throws IOException {
    if (mode == Mode.OFF) {
      return StartTls.OFF;
    }
    return new StartTls(
        Optional.of(
            TlsContexts.server(certificates.orElseThrow(), key.orElseThrow(), clientAuthority)),
        mode == Mode.REQUIRE,
        clientAuthority.isPresent());
  }
}
