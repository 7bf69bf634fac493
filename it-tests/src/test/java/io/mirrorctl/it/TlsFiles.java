package io.mirrorctl.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** An authority with a server's and a client's certificate, under the names that libnbd expects. */
final class TlsFiles {
  private final Path directory;

  private TlsFiles(Path directory) {
    this.directory = directory;
  }

  /** Makes them anew, for the server {@code localhost}. */
  static TlsFiles make(Path directory) {
    var files = new TlsFiles(directory);
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    files.certificate("ca", List.of("-addext", "basicConstraints=critical,CA:TRUE"));
    for (String name : List.of("server", "client")) {
      files.certificate(
          name,
          List.of(
              "-CA",
              "ca-cert.pem",
              "-CAkey",
              "ca-key.pem",
              "-addext",
              "basicConstraints=CA:FALSE",
              "-addext",
              "subjectAltName=DNS:" + (name.equals("server") ? "localhost" : name)));
    }
    return files;
  }

  private void certificate(String name, List<String> more) {
    var command = new ArrayList<>(List.of("openssl", "req", "-x509", "-newkey", "rsa:2048"));
    command.addAll(
        List.of("-nodes", "-days", "2", "-subj", "/CN=" + name + " of " + directory.getFileName()));
    command.addAll(List.of("-keyout", name + "-key.pem", "-out", name + "-cert.pem"));
    command.addAll(more);
    Tool.of(command).directory(directory).run();
  }

  /** Where they are. */
  Path directory() {
    return directory;
  }

  Path authority() {
    return directory.resolve("ca-cert.pem");
  }

  /** A directory with the authority only, for clients without a certificate. */
  Path anonymous() throws IOException {
    Path anonymous = Files.createDirectories(directory.resolve("anonymous"));
    Files.copy(authority(), anonymous.resolve("ca-cert.pem"));
    return anonymous;
  }

  /** Options of a node that demands clients' certificates. */
  List<Object> ofNode() {
    return List.of(
        "--tls-cert",
        directory.resolve("server-cert.pem"),
        "--tls-key",
        directory.resolve("server-key.pem"),
        "--tls-ca",
        authority(),
        "--tls-client-certs");
  }

  /** Options of a command or node that reaches disks over TLS. */
  List<Object> ofDisks() {
    return List.of(
        "--disk-tls-ca",
        authority(),
        "--disk-tls-cert",
        directory.resolve("client-cert.pem"),
        "--disk-tls-key",
        directory.resolve("client-key.pem"));
  }
}
