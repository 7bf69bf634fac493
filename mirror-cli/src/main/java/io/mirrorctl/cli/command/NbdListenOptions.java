package io.mirrorctl.cli.command;

import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.cli.output.Console;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How a process that listens for NBD clients encrypts. */
final class NbdListenOptions {
  @Option(
      names = "--tls",
      paramLabel = "off|allow|require",
      description =
          "Whether NBD clients may or must use TLS; require if there is a certificate, else off.")
  private Optional<NbdTls.Mode> tls;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description =
          "PEM file with the certificate of the NBD server and those that lead to its CA.")
  private Optional<Path> tlsCertificates;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "PEM file with its private key, PKCS#8, not encrypted.")
  private Optional<Path> tlsKey;

  @Option(
      names = "--tls-ca",
      paramLabel = "FILE",
      description = "PEM file with the CAs of client certificates.")
  private Optional<Path> tlsAuthority;

  @Option(
      names = "--tls-client-certs",
      description = "Only clients with a certificate of --tls-ca are served.")
  private boolean tlsClientCertificates;

  /**
   * What the options say.
   *
   * @throws IllegalArgumentException if they cannot be meant
   */
  NbdTls tls() {
    NbdTls.Mode mode =
        tls.orElse(tlsCertificates.isPresent() ? NbdTls.Mode.REQUIRE : NbdTls.Mode.OFF);
    if (tlsClientCertificates != tlsAuthority.isPresent()) {
      throw new IllegalArgumentException("--tls-client-certs and --tls-ca need each other");
    }
    if (mode == NbdTls.Mode.OFF
        && (tlsCertificates.isPresent() || tlsKey.isPresent() || tlsClientCertificates)) {
      throw new IllegalArgumentException(
          "--tls off does not go with a certificate, its key or client certificates");
    }
    return new NbdTls(mode, tlsCertificates, tlsKey, tlsAuthority);
  }

  /** Says where others can do as they like. */
  static void warn(List<NbdAddress> addresses, NbdTls tls, Console console) {
    if (tls.mode() != NbdTls.Mode.REQUIRE) {
      addresses.stream()
          .filter(NbdListenOptions::isOpenToOthers)
          .forEach(address ->
              console.note(
                  "NBD at %s can be reached from other hosts, and anybody there can read and write without TLS",
                  address));
    }
  }

  /** Whether somebody on another host can connect there. */
  private static boolean isOpenToOthers(NbdAddress address) {
    return switch (address) {
      case NbdAddress.Unix _ -> false;
      case NbdAddress.Tcp tcp -> {
        try {
          yield tcp.host().isEmpty() || !InetAddress.getByName(tcp.host()).isLoopbackAddress();
        } catch (UnknownHostException e) {
          yield false; // listening there will fail with a better message
        }
      }
    };
  }
}
