package io.mirrorctl.dlm;

import static io.mirrorctl.dlm.message.MessageListener.applying;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.lock.Grant;
import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.LockOutcome.Granted;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.member.HaltCode;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.member.MembershipListener;
import io.mirrorctl.dlm.message.Answer;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.ChannelSettings;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.Delivery;
import io.mirrorctl.dlm.message.Envelope;
import io.mirrorctl.dlm.message.LockspaceChannel;
import io.mirrorctl.dlm.message.MessageListener;
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
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
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
      LockspaceChannel warehouse =
          manager.channel(
              "warehouse",
              applying(heard -> out.println("node " + node + " hears " + heard.message())));
      Lock stock = warehouse.lockspace().lock("stock");
      stock.convert(LockMode.NL).join(); // rests here, so that the next one comes quickly
      if (stock.convert(LockMode.EX).join() instanceof Granted(Grant grant)) {
        int count = grant.value().content().buffer().getInt() + 1;
        Bytes written = Bytes.of(ByteBuffer.allocate(64).putInt(0, count));
        stock.convert(LockRequest.to(LockMode.NL).writing(written)).join();
        out.println("node " + node + " made it " + count);
        warehouse.channel().send(new ChangeCapacity(count)).outcome().join(); // all have applied it
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

  private static final ChannelSettings HASTY =
      ChannelSettings.DEFAULT.withLimit(Duration.ofMillis(500));

  /** A node that notes what it hears. */
  private final class Node implements MembershipListener, LockspaceListener, AutoCloseable {
    private final LockManager manager;
    private final LockspaceChannel warehouse;
    private final List<ClusterMessage> heard = new CopyOnWriteArrayList<>();
    private final List<String> ends = new CopyOnWriteArrayList<>();

    Node(int number, ChannelSettings settings, Function<Envelope, CompletableFuture<Answer>> answer)
        throws IOException {
      manager = LockManager.join(cluster(), MemberSettings.of(number), this);
      warehouse =
          manager.channel(
              "warehouse",
              settings,
              this,
              envelope -> {
                heard.add(envelope.message());
                return answer.apply(envelope);
              });
    }

    Node(int number) throws IOException {
      this(number, HASTY, _ -> CompletableFuture.completedFuture(new Answer.Accepted()));
    }

    CompletableFuture<Delivery> send(long number) {
      return warehouse
          .channel()
          .send(new ChangeCapacity(number))
          .outcome()
          .orTimeout(60, TimeUnit.SECONDS);
    }

    @Override
    public CompletionStage<Void> halted(HaltCode code, String text) {
      ends.add(code + ": " + text);
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public void halted(String reason) {
      ends.add("lockspace: " + reason);
    }

    @Override
    public void close() {
      manager.close();
    }
  }

  private static final Delivery DELIVERED = new Delivery.Delivered(Bits256.NONE);

  @Test
  void everyMemberHearsABroadcastBeforeItsSenderGoesOn() throws Exception {
    try (var one = new Node(1);
        var two = new Node(2)) {
      try (var three = new Node(3)) {
        assertThat(two.send(7).join()).isEqualTo(DELIVERED);
        assertThat(one.heard).containsExactly(new ChangeCapacity(7));
        assertThat(three.heard).containsExactly(new ChangeCapacity(7));
        assertThat(two.heard).isEmpty();
      }
      assertThat(one.send(8).join()).isEqualTo(DELIVERED);
      assertThat(two.heard).containsExactly(new ChangeCapacity(8));
    }
  }

  @Test
  void whatAJoinerLearnsFirstIsFollowedByEveryLaterMessageAndNoOther() throws Exception {
    try (var one = new Node(1)) {
      one.send(1).join();
      var sent = new CompletableFuture<Delivery>();
      var settings =
          HASTY.learning(_ -> {
            var _ = one.send(2).thenAccept(sent::complete);
            return CompletableFuture.runAsync(
                () -> assertThat(sent).isNotDone(),
                CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS));
          });
      try (var two =
          new Node(2, settings, _ -> CompletableFuture.completedFuture(new Answer.Accepted()))) {
        assertThat(sent.orTimeout(60, TimeUnit.SECONDS).join()).isEqualTo(DELIVERED);
        assertThat(two.heard).containsExactly(new ChangeCapacity(2));
      }
    }
  }

  @Test
  void aJoinThatCannotLearnFailsAndKeepsNobodyWaiting() throws Exception {
    try (var one = new Node(1)) {
      var settings =
          HASTY.learning(
              _ -> CompletableFuture.failedFuture(new IOException("the shelf is empty")));
      try (LockManager second = LockManager.join(cluster(), 2)) {
        assertThatThrownBy(() ->
                second.channel(
                    "warehouse",
                    settings,
                    new LockspaceListener() {},
                    MessageListener.applying(_ -> {})))
            .isInstanceOf(IOException.class)
            .hasMessageContaining("the shelf is empty");
        assertThat(one.send(1).join()).isEqualTo(DELIVERED);
      }
    }
  }

  @Test
  void aMemberThatDoesNotAnswerIsEjectedAndTheSenderGoesOn() throws Exception {
    try (var one = new Node(1);
        var silent = new Node(2, HASTY, _ -> new CompletableFuture<>());
        var three = new Node(3)) {
      Lock lock = silent.warehouse.lockspace().lock("stock");
      convert(one.warehouse.lockspace().lock("stock"), LockMode.EX);
      var waiting = lock.convert(LockMode.EX);

      assertThat(one.send(7).join()).isEqualTo(DELIVERED);

      assertThat(three.heard).containsExactly(new ChangeCapacity(7));
      await().untilAsserted(() -> assertThat(silent.ends).hasSize(2));
      assertThat(silent.ends.getFirst()).startsWith("EJECTED").contains("node 1", "500 ms");
      assertThat(silent.ends.getLast()).startsWith("lockspace: ").contains("ejected", "500 ms");
      assertThat(waiting.orTimeout(30, TimeUnit.SECONDS).join())
          .isInstanceOf(LockOutcome.Halted.class);
      assertThat(silent.send(1).join()).isInstanceOf(Delivery.NotSent.class);
    }
  }

  @Test
  void aMemberThatCannotFollowAFactHalts() throws Exception {
    try (var one = new Node(1);
        var unable =
            new Node(2, HASTY, _ -> CompletableFuture.completedFuture(Answer.refused("no room")))) {
      assertThat(one.send(7).join()).isEqualTo(DELIVERED);

      await().untilAsserted(() -> assertThat(unable.ends).hasSize(2));
      assertThat(unable.ends.getFirst()).startsWith("CALLBACK_FAILED").contains("no room");
      assertThat(unable.manager.membership().lease().isValid()).isFalse();
      await()
          .untilAsserted(
              () -> assertThat(one.manager.membership().clusterInfo().join().active()).hasSize(1));
    }
  }

  private static void convert(Lock lock, LockMode mode) {
    assertThat(lock.convert(mode).join()).isInstanceOf(Granted.class);
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
