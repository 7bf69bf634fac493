package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

@Timeout(30)
class NbdServerTest {
  @TempDir Path directory;

  private final NbdExports exports = new NbdExports();

  private NbdServer start(String... addresses) throws IOException {
    return NbdServer.start(
        NbdServerConfig.on(
            java.util.Arrays.stream(addresses).map(NbdAddress::parse).toArray(NbdAddress[]::new)),
        exports);
  }

  private static void serves(NbdAddress address) throws IOException {
    try (RawClient client = RawClient.onExport(address, "vol", true)) {
      assertThat(client.structuredRead(0, 512)).containsOnly(0);
    }
  }

  @Test
  void listensOnSeveralAddressesAndTellsThePortsItGot() throws IOException {
    exports.add("vol", new SimDisk("disk", 1 << 20), "");
    try (NbdServer server =
        start("127.0.0.1:0", "[::1]:0", ":0", "unix:" + directory.resolve("s"))) {
      List<NbdAddress> addresses = server.addresses();
      assertThat(addresses.get(0).toString()).matches("127\\.0\\.0\\.1:[1-9][0-9]*");
      assertThat(addresses.get(1).toString()).matches("\\[::1]:[1-9][0-9]*");
      assertThat(addresses.get(2).toString()).matches(":[1-9][0-9]*");
      assertThat(addresses.get(3)).isEqualTo(new NbdAddress.Unix(directory.resolve("s")));
      serves(addresses.get(0));
      serves(addresses.get(1));
      int port = ((NbdAddress.Tcp) addresses.get(2)).port();
      serves(new NbdAddress.Tcp("127.0.0.1", port));
      serves(new NbdAddress.Tcp("::1", port));
      serves(addresses.get(3));
    }
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void aTakenPortIsAnErrorThatNamesItAndNothingStaysOpen() throws IOException {
    try (NbdServer first = start("127.0.0.1:0")) {
      String taken = first.addresses().getFirst().toString();
      Path socket = directory.resolve("s");
      assertThatThrownBy(() -> start("unix:" + socket, taken))
          .isInstanceOf(IOException.class)
          .hasMessageContaining(taken);
      assertThat(socket).doesNotExist();
    }
  }

  @Test
  void aSocketOnWhichNobodyListensIsReplaced() throws IOException {
    exports.add("vol", new SimDisk("disk", 1 << 20), "");
    Path path = directory.resolve("s");
    try (var dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path));
    }
    assertThat(path).exists();
    try (NbdServer server = start("unix:" + path)) {
      serves(server.addresses().getFirst());
    }
    assertThat(path).doesNotExist();
  }

  @Test
  void aSocketOnWhichSomebodyListensIsLeftAlone() throws IOException {
    exports.add("vol", new SimDisk("disk", 1 << 20), "");
    Path path = directory.resolve("s");
    try (NbdServer first = start("unix:" + path)) {
      assertThatThrownBy(() -> start("unix:" + path))
          .isInstanceOf(IOException.class)
          .hasMessageContainingAll(path.toString(), "another process listens");
      serves(first.addresses().getFirst());
    }
  }

  @Test
  void whatIsNoSocketIsLeftAlone() throws IOException {
    Path path = directory.resolve("data");
    Files.writeString(path, "precious");
    assertThatThrownBy(() -> start("unix:" + path))
        .isInstanceOf(IOException.class)
        .hasMessageContainingAll(path.toString(), "not a socket");
    assertThat(path).hasContent("precious");
    assertThatThrownBy(() -> start("unix:" + directory.resolve("no/such/directory")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no/such/directory");
  }

  @Test
  void closingRemovesItsOwnSocketOnly() throws IOException {
    Path path = directory.resolve("s");
    try (NbdServer server = start("unix:" + path)) {
      assertThat(server.connections()).isZero();
      Files.delete(path);
      Files.writeString(path, "somebody else's");
    }
    assertThat(path).hasContent("somebody else's");
  }

  @Test
  void garbageIsLoggedOnceWithThePeerAndHarmsNobody() throws IOException {
    exports.add("vol", new SimDisk("disk", 1 << 20), "");
    Logger logger = (Logger) LoggerFactory.getLogger("io.mirrorctl.cli.nbd");
    var lines = new ListAppender<ILoggingEvent>();
    lines.start();
    logger.addAppender(lines);
    try (NbdServer server = start("127.0.0.1:0");
        RawClient good = RawClient.onExport(server.addresses().getFirst(), "vol", true)) {
      try (RawClient bad = RawClient.connect(server.addresses().getFirst())) {
        bad.greeting();
        bad.send("GET /\n\0 HTTP/1.1\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        bad.receiveAll();
      }
      await().until(() -> server.connections() == 1);
      assertThat(good.structuredRead(0, 512)).containsOnly(0);
      assertThat(lines.list)
          .filteredOn(event -> event.getLevel().isGreaterOrEqual(ch.qos.logback.classic.Level.INFO))
          .singleElement()
          .satisfies(event -> assertThat(event.getFormattedMessage()).contains("nbd 127.0.0.1:"));
    } finally {
      logger.detachAppender(lines);
    }
  }

  @Test
  void connectionsThatComeAndGoLeaveNoFileOpen() throws Exception {
    var disk = new SimDisk("disk", 4 << 20);
    exports.add("vol", disk, "");
    try (NbdServer server = start("unix:" + directory.resolve("s"))) {
      NbdAddress address = server.addresses().getFirst();
      long before = 0;
      for (int i = 0; i < 120; i++) {
        if (i == 20) {
          before = openFiles();
        }
        try (RawClient client = RawClient.onExport(address, "vol", false)) {
          // more than the socket holds, so that the server has to wait for its client
          client.sendRequest(0, Nbd.CMD_READ, 1, 0, 4 << 20);
          if (i % 2 == 0) {
            assertThat(client.simpleReply(1)).isZero();
            client.receive(4 << 20);
          }
        }
        await().pollInterval(1, TimeUnit.MILLISECONDS).until(() -> server.connections() == 0);
      }
      assertThat(openFiles()).isLessThan(before + 50);
    }
  }

  private static long openFiles() throws IOException {
    try (var files = Files.list(Path.of("/proc/self/fd"))) {
      return files.count();
    }
  }

  @Test
  void whenEverythingIsClosedNoThreadIsLeftAtWork() throws Exception {
    exports.add("vol", new SimDisk("disk", 8 << 20), "");
    Env system = Env.system();
    var threads = new ThreadPoolExecutor(0, 1000, 1, TimeUnit.SECONDS, new SynchronousQueue<>());
    var env =
        new Env(system.ticker(), system.wallClock(), system.random(), threads, system.timer());
    try (threads) {
      NbdServer server =
          NbdServer.start(
              NbdServerConfig.on(new NbdAddress.Unix(directory.resolve("s"))), exports, env);
      NbdAddress address = server.addresses().getFirst();
      try (RawClient lone = RawClient.onExport(address, "vol", true);
          RawClient many = RawClient.onExport(address, "vol", true);
          RawClient greeted = RawClient.greeted(address)) {
        assertThat(greeted.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
        lone.structuredRead(0, 512);
        for (int i = 0; i < 100; i++) {
          many.sendWrite(0, i, 4096L * i, new byte[4096]);
        }
        for (int i = 0; i < 100; i++) {
          assertThat(many.chunk().error()).isZero();
        }
        server.close();
      }
      await().until(() -> threads.getActiveCount() == 0);
      assertThat(server.connections()).isZero();
      assertThat(server.bytesInFlight()).isZero();
    }
  }
}
