package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.HostNeeds;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Authorities and certificates made by openssl, under the file names of GnuTLS servers. */
final class Certificates {
  private final Path dir;

  /** Makes an authority, and server and client certificates that it has signed. */
  Certificates(Path dir, String serverName) throws IOException, InterruptedException {
    this.dir = Files.createDirectories(dir);
    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=authority",
        "-keyout",
        "ca-key.pem",
        "-out",
        "ca-cert.pem");
    signed("server", "ec", "DNS:" + serverName);
    signed("client", "rsa", "DNS:client");
  }

  private void signed(String name, String algorithm, String altName)
      throws IOException, InterruptedException {
    String parameter = algorithm.equals("ec") ? "ec_paramgen_curve:P-256" : "rsa_keygen_bits:2048";
    openssl(
        "req",
        "-x509",
        "-newkey",
        algorithm,
        "-pkeyopt",
        parameter,
        "-nodes",
        "-days",
        "2",
        "-CA",
        "ca-cert.pem",
        "-CAkey",
        "ca-key.pem",
        "-subj",
        "/CN=" + name,
        "-addext",
        "subjectAltName=" + altName,
        "-addext",
        "basicConstraints=CA:FALSE",
        "-keyout",
        name + "-key.pem",
        "-out",
        name + "-cert.pem");
  }

  Path dir() {
    return dir;
  }

  Path file(String name) {
    return dir.resolve(name);
  }

  /** Trusts this authority. */
  NbdClientTls trusting() {
    return NbdClientTls.trusting(file("ca-cert.pem"));
  }

  void openssl(String... arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments));
    Process process;
    try {
      process =
          new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true).start();
    } catch (IOException e) {
      throw HostNeeds.unmet(e.getMessage());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(command + " failed: " + output);
    }
  }
}
