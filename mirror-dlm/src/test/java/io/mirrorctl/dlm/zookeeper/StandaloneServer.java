package io.mirrorctl.dlm.zookeeper;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One real server in a process of its own, with whatever settings. */
final class StandaloneServer implements AutoCloseable {
  private final ChildJvm process;
  private final int port;

  private StandaloneServer(ChildJvm process, int port) {
    this.process = process;
    this.port = port;
  }

  /** With a port for everybody. */
  static StandaloneServer open(Path directory, List<String> settings) {
    return start(directory, "clientPort", settings);
  }

  /** With a port for TLS alone. */
  static StandaloneServer secure(Path directory, List<String> settings) {
    return start(directory, "secureClientPort", settings);
  }

  private static StandaloneServer start(Path directory, String kind, List<String> settings) {
    try {
      Files.createDirectories(directory);
      int port;
      try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        port = free.getLocalPort();
      }
      List<String> lines = new ArrayList<>(settings);
      lines.add("tickTime=500");
      lines.add("dataDir=" + directory);
      lines.add(kind + "=" + port);
      lines.add(kind + "Address=127.0.0.1");
      Path config = Files.write(directory.resolve("zoo.cfg"), lines);
      ChildJvm process =
          ChildJvm.start(
              directory.resolve("output"),
              QuorumServer.class,
              List.of("-Xmx96m", "-Dzookeeper.admin.enableServer=false"),
              config.toString());
      return new StandaloneServer(process, port);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String connectString() {
    return connectString("127.0.0.1");
  }

  String connectString(String host) {
    return host + ":" + port;
  }

  @Override
  public void close() {
    process.close();
  }
}
