package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Keys and certificates as an operator would make them, by the JDK's keytool. */
final class TlsFiles {
  private static final String PASSWORD = "changeit-7";

  private final Path directory;
  private final Path password;

  TlsFiles(Path directory) throws IOException {
    this.directory = directory;
    this.password = Files.writeString(directory.resolve("password"), PASSWORD);
  }

  /** A key with a certificate of its own for the name. */
  Path key(String name, String alternatives) throws Exception {
    Path store = directory.resolve(name + ".p12");
    keytool(
        "-genkeypair",
        "-alias",
        name,
        "-keyalg",
        "EC",
        "-dname",
        "CN=" + name,
        "-ext",
        "san=" + alternatives,
        "-validity",
        "30",
        "-keystore",
        store.toString());
    return store;
  }

  /** A trust store that believes the key of that name alone. */
  Path trustIn(String name) throws Exception {
    Path certificate = directory.resolve(name + ".cer");
    Path store = directory.resolve("trust-" + name + ".p12");
    keytool(
        "-exportcert",
        "-alias",
        name,
        "-keystore",
        directory.resolve(name + ".p12").toString(),
        "-file",
        certificate.toString());
    keytool(
        "-importcert",
        "-noprompt",
        "-alias",
        name,
        "-keystore",
        store.toString(),
        "-file",
        certificate.toString());
    return store;
  }

  /** A client that believes {@code trust} and shows {@code key}, if any. */
  ZooKeeperOptions.Tls client(Path trust, Optional<Path> key) {
    return new ZooKeeperOptions.Tls(trust, Optional.of(password), key, key.map(_ -> password));
  }

  /** For a server's configuration. */
  List<String> server(Path key, Path trust, String clientAuth) {
    return List.of(
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
        "ssl.keyStore.location=" + key,
        "ssl.keyStore.passwordPath=" + password,
        "ssl.trustStore.location=" + trust,
        "ssl.trustStore.passwordPath=" + password,
        "ssl.clientAuth=" + clientAuth);
  }

  private static void keytool(String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(Arrays.asList(arguments));
    command.addAll(List.of("-storepass", PASSWORD, "-storetype", "PKCS12"));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }
}
