package io.mirrorctl.dlm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.lock.Grant;
import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome.Granted;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The door to the lock manager, and what the README shows of it. */
class LockManagerTest {
  @TempDir private Path directory;
  private EmbeddedZooKeeper servers;

  @BeforeEach
  void start() throws Exception {
    servers = EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory));
  }

  @AfterEach
  void stop() {
    servers.close();
  }

  private ZooKeeperOptions cluster() {
    return ZooKeeperOptions.of(servers.connectString(), "/shop");
  }

  // example begins
  private static void example(ZooKeeperOptions servers, int node, PrintStream out)
      throws IOException {
    try (LockManager manager = LockManager.join(servers, node)) {
      Lock stock = manager.lockspace("warehouse").lock("stock");
      stock.convert(LockMode.NL).join(); // rests here, so that the next one comes quickly
      if (stock.convert(LockMode.EX).join() instanceof Granted(Grant grant)) {
        int count = grant.value().content().buffer().getInt() + 1;
        Bytes written = Bytes.of(ByteBuffer.allocate(64).putInt(0, count));
        stock.convert(LockRequest.to(LockMode.NL).writing(written)).join();
        out.println("node " + node + " made it " + count);
      }
    }
  }

  // example ends

  @Test
  void whatOneNodeWroteUnderTheLockTheNextOneReads() throws Exception {
    var printed = new ByteArrayOutputStream();
    var out = new PrintStream(printed, true, UTF_8);
    example(cluster(), 1, out);
    example(cluster(), 2, out);
    assertThat(printed.toString(UTF_8)).isEqualTo("node 1 made it 1\nnode 2 made it 2\n");
  }

  @Test
  void theReadmeShowsExactlyThisExample() throws Exception {
    String readme = Files.readString(Path.of("../README.md"));
    String source =
        Files.readString(Path.of("src/test/java/io/mirrorctl/dlm/LockManagerTest.java"));
    String body =
        source.substring(
            source.indexOf("    try (LockManager"), source.indexOf("  // example ends"));
    String shown =
        body.substring(0, body.lastIndexOf('}'))
            .replaceAll("(?m)^ {4}", "")
            .replace("out.println", "System.out.println")
            .stripTrailing();

    assertThat(readme).contains("```java\n" + shown + "\n```");
  }

  @Test
  void nodesSeeEachOtherAndALeaveIsNoDeath() throws Exception {
    try (LockManager first = LockManager.join(cluster(), 1)) {
      LockManager second = LockManager.join(cluster(), 2);
      assertThat(first.membership().clusterInfo().join().active())
          .extracting(Incarnation::node)
          .containsExactly(1, 2);
      Lockspace here = first.lockspace("warehouse");
      assertThat(second.lockspace("warehouse").slot()).isEqualTo(1);
      second.close();
      await()
          .untilAsserted(() ->
              assertThat(first.membership().clusterInfo().join().active())
                  .extracting(Incarnation::node)
                  .containsExactly(1));
      assertThat(here.slot()).isZero();
      try (LockManager third = LockManager.join(cluster(), 3)) {
        assertThat(third.lockspace("warehouse").slot()).isEqualTo(1);
      }
    }
  }

  @Test
  void aNumberThatIsTakenIsRefused() throws Exception {
    try (LockManager first = LockManager.join(cluster(), 1)) {
      assertThatThrownBy(() -> LockManager.join(cluster(), 1).close())
          .isInstanceOf(IOException.class)
          .hasMessageContaining("node 1");
      assertThat(first.lockspace("warehouse").slot()).isZero();
    }
  }

  @Test
  void settingsThatDifferAreRefusedWithBothValues() throws Exception {
    try (LockManager first = LockManager.join(cluster(), 1);
        LockManager second = LockManager.join(cluster(), 2)) {
      var _ = first.lockspace("a", settings("512"), new LockspaceListener() {});
      assertThatThrownBy(() -> second.lockspace("a", settings("4096"), new LockspaceListener() {}))
          .hasMessage("lockspace a: sector is \"4096\" here and \"512\" on its members");
    }
  }

  private static LockspaceSettings settings(String sector) {
    return new LockspaceSettings(4, Map.of("sector", sector));
  }

  @Test
  void withoutServersItSaysSo() {
    var nobody =
        ZooKeeperOptions.of("127.0.0.1:1", "/shop").withConnectTimeout(Duration.ofSeconds(1));
    assertThatThrownBy(() -> LockManager.join(nobody, 1).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("127.0.0.1:1");
  }
}
