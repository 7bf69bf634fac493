package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice;
import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.UnaryOperator;

/** A server on a Unix socket of its own, with limits that do not disturb a slow machine. */
final class TestServer implements Closeable {
  private final Path directory;
  final NbdExports exports = new NbdExports();
  final NbdServer server;

  private TestServer(UnaryOperator<NbdServerConfig> changes) throws IOException {
    directory = Files.createTempDirectory("nbd");
    NbdServerConfig config =
        NbdServerConfig.on(new NbdAddress.Unix(directory.resolve("socket")))
            .withTimes(Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ofSeconds(20));
    server = NbdServer.start(changes.apply(config), exports);
  }

  static TestServer start() {
    return start(config -> config);
  }

  static TestServer start(UnaryOperator<NbdServerConfig> changes) {
    try {
      return new TestServer(changes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  TestServer with(String export, BlockDevice device) {
    exports.add(export, device, "");
    return this;
  }

  NbdAddress address() {
    return server.addresses().getFirst();
  }

  /** For programs that take URIs. */
  String uri(String export) {
    return "nbd+unix:///%s?socket=%s".formatted(export, directory.resolve("socket"));
  }

  RawClient client(String export, boolean structured) throws IOException {
    return RawClient.onExport(address(), export, structured);
  }

  @Override
  public void close() {
    try {
      server.close();
      Files.deleteIfExists(directory.resolve("socket"));
      Files.deleteIfExists(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
