package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.Disks;
import io.mirrorctl.cli.nbd.NbdClientTls;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** A command that opens disks by itself: what it needs for those that are reached over TLS. */
abstract class DiskSubcommand extends Subcommand {
  @Option(
      names = "--disk-tls-ca",
      paramLabel = "FILE",
      description =
          "For disks at nbds:// URLs: PEM file with the CAs of their servers' certificates; else"
              + " those that Java knows.")
  private Optional<Path> authorities;

  @Option(
      names = "--disk-tls-cert",
      paramLabel = "FILE",
      description =
          "PEM file with the certificate to show to these servers and those that lead to its CA.")
  private Optional<Path> certificates;

  @Option(
      names = "--disk-tls-key",
      paramLabel = "FILE",
      description = "PEM file with its private key, PKCS#8, not encrypted.")
  private Optional<Path> key;

  /** Opens disks with the certificates that were given. */
  final Disks disks() throws IOException {
    return new Disks(diskTls());
  }

  /**
   * The certificates that were given.
   *
   * @throws IOException naming the file that cannot be used
   */
  final NbdClientTls diskTls() throws IOException {
    if (certificates.isPresent() != key.isPresent()) {
      throw usage("--disk-tls-cert and --disk-tls-key need each other");
    }
    var tls = new NbdClientTls(authorities, certificates, key, true);
    if (!tls.equals(NbdClientTls.DEFAULT)) {
      tls.check();
    }
    return tls;
  }
}
