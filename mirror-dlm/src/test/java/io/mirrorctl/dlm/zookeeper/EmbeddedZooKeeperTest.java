package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.StoreException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedZooKeeperTest {
  private static final String SMALL = "-Xmx96m";

  @TempDir Path directory;
  private final Sessions sessions = new Sessions();

  @AfterEach
  void close() {
    sessions.close();
  }

  private EmbeddedZooKeeper start() throws StoreException {
    return EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory));
  }

  private ZooKeeperStore connect(String servers) {
    return sessions.connect(
        ZooKeeperOptions.of(servers, "/embedded").withConnectTimeout(Duration.ofSeconds(30)));
  }

  private static CommitResult commit(ZooKeeperStore store, Op... ops) {
    return store.commit(List.of(ops)).orTimeout(30, TimeUnit.SECONDS).join();
  }

  private static Op.Create create(String path) {
    return new Op.Create(path, Bytes.utf8("kept"), Op.Life.PERSISTENT);
  }

  @Test
  void whatWasAnsweredIsThereAfterTheProcessWasKilled() throws Exception {
    try (var child = ChildJvm.start(EmbeddedServer.class, List.of(SMALL), directory.toString())) {
      ZooKeeperStore store = connect(child.output().readLine());
      for (int i = 0; i < 50; i++) {
        assertThat(commit(store, create("/n" + i))).isInstanceOf(CommitResult.Committed.class);
      }
    }
    try (var server = start()) {
      ZooKeeperStore store = connect(server.connectString());
      for (int i = 0; i < 50; i++) {
        assertThat(commit(store, new Op.Check("/n" + i, 0)))
            .isInstanceOf(CommitResult.Committed.class);
      }
      store.close();
      store.closed().join();
    }
  }

  @Test
  void canBeStoppedAndStartedInOneProcess() throws Exception {
    for (int i = 0; i < 3; i++) {
      try (var server = start()) {
        ZooKeeperStore store = connect(server.connectString());
        assertThat(commit(store, create("/n" + i))).isInstanceOf(CommitResult.Committed.class);
        store.close();
        store.closed().join();
      }
    }
  }

  @Test
  void aDirectoryIsUsedByOneProcessAtATime() throws Exception {
    try (var child = ChildJvm.start(EmbeddedServer.class, List.of(SMALL), directory.toString())) {
      assertThat(child.output().readLine()).contains(":");
      assertThatThrownBy(this::start)
          .isInstanceOf(StoreException.class)
          .hasMessageContaining(directory.toString())
          .hasMessageContaining("in use by process " + child.process().pid());
    }
    try (var _ = start()) {
      assertThatThrownBy(this::start)
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("in use by this process");
      // and the refusal has not given up the first one's lock
      try (var child = ChildJvm.start(EmbeddedServer.class, List.of(SMALL), directory.toString())) {
        assertThat(child.output().lines()).anyMatch(line -> line.contains("in use by process"));
      }
    }
    start().close();
  }

  @Test
  void aDirectoryWithOtherThingsIsRefused() throws IOException {
    Files.writeString(directory.resolve("letter.txt"), "dear");
    assertThatThrownBy(this::start)
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("letter.txt")
        .hasMessageContaining("empty");
    assertThat(directory.toFile().list()).containsExactly("letter.txt");
  }

  @Test
  void aFileInPlaceOfTheDirectoryIsRefused() throws IOException {
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(file)))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void aTakenPortIsNamed() throws IOException {
    try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      int port = taken.getLocalPort();
      assertThatThrownBy(
              () -> EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory).withPort(port)))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("127.0.0.1 port " + port);
    }
  }

  @Test
  void listensAtTheChosenPortOnTheLoopbackAddressAlone() throws Exception {
    int port;
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    try (var server =
        EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory).withPort(port))) {
      assertThat(server.connectString()).isEqualTo("127.0.0.1:" + port);
      try (var near = new Socket();
          var elsewhere = new Socket()) {
        near.connect(loopback(1, port));
        assertThatThrownBy(() -> elsewhere.connect(loopback(2, port)))
            .isInstanceOf(IOException.class);
      }
    }
  }

  private static InetSocketAddress loopback(int last, int port) throws IOException {
    return new InetSocketAddress(
        InetAddress.getByAddress(new byte[] {127, 0, 0, (byte) last}), port);
  }

  @Test
  void refusesToRunWithoutFlushingItsLog() {
    System.setProperty("zookeeper.forceSync", "no");
    try {
      assertThatThrownBy(this::start)
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("forceSync");
    } finally {
      System.clearProperty("zookeeper.forceSync");
    }
  }
}
