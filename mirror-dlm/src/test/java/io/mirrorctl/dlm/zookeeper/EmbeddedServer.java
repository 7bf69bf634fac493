package io.mirrorctl.dlm.zookeeper;

import java.nio.file.Path;

/** An {@link EmbeddedZooKeeper} in a process of its own, until killed. */
public final class EmbeddedServer {
  private EmbeddedServer() {}

  /** Tells the connect string in one line. */
  public static void main(String[] arguments) throws Exception {
    try (var server =
        EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(Path.of(arguments[0])))) {
      System.out.println(server.connectString());
      server.ended().join();
    }
  }
}
