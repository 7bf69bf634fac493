package io.mirrorctl.cli.nbd;

import static io.mirrorctl.cli.nbd.FencedServer.bytes;
import static io.mirrorctl.cli.nbd.FencedServer.fence;
import static io.mirrorctl.cli.nbd.FencedServer.identify;
import static io.mirrorctl.cli.nbd.FencedServer.node;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import com.google.common.primitives.Bytes;
import io.mirrorctl.cli.nbd.RawClient.OptionReply;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who may use the disk of a disk server, and that nothing of a fenced node gets there. */
@Timeout(60)
class NodeFencesTest {
  private static final int BLOCK = 512;
  private static final long SIZE = 8 << 20;
  private static final int MANY = 100;

  @TempDir Path directory;
  private final SimDisk disk = new SimDisk("disk", SIZE);
  private FencedServer server;
  private Hold hold;

  @BeforeEach
  void start() throws IOException {
    server = new FencedServer(directory, disk).start();
  }

  @AfterEach
  void stop() throws IOException {
    if (hold != null) {
      hold.release();
    }
    server.close();
  }

  private static byte[] block(int value) {
    byte[] data = new byte[BLOCK];
    Arrays.fill(data, (byte) value);
    return data;
  }

  private byte onDisk(int block) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(BLOCK);
    disk.read((long) block * BLOCK, into);
    return into.get(0);
  }

  private void restart() throws IOException {
    server.close();
    server.start();
  }

  private static void sendManyWrites(RawClient victim) throws IOException {
    for (int i = 0; i < MANY; i++) {
      victim.sendWrite(0, i, (long) i * BLOCK, block(1));
    }
  }

  @Test
  void aFenceIsAnsweredWhenTheLastRequestOfTheVictimHasReturnedAndNoOtherBegins() throws Exception {
    hold = Hold.uninterruptible(disk, operation -> operation.kind() == SimOperation.Kind.WRITE);
    try (RawClient victim = server.using(node(2, 7));
        RawClient survivor = server.identified(node(1, 6))) {
      sendManyWrites(victim);
      hold.awaitHeld(1);
      CompletableFuture<OptionReply> answer =
          CompletableFuture.supplyAsync(() -> uncheckedFence(survivor, node(2, 7)));
      victim.receiveAll(); // the server has hung up
      assertThat(answer).isNotDone();
      hold.release();
      assertThat(answer.get().type()).isEqualTo(Nbd.REP_ACK);
    }
    List<SimOperation.Logged> before = disk.log();
    byte[] then = new byte[MANY];
    for (int i = 0; i < MANY; i++) {
      then[i] = onDisk(i);
      disk.write((long) i * BLOCK, ByteBuffer.wrap(block(9)), WriteOption.NONE);
    }
    assertThat(before.stream().filter(o -> o.operation().kind() == SimOperation.Kind.WRITE))
        .hasSizeLessThan(MANY);
    restart(); // no thread of the victim's session is left to write
    for (int i = 0; i < MANY; i++) {
      assertThat(onDisk(i)).as("block %d, which held %d", i, then[i]).isEqualTo((byte) 9);
    }
  }

  private static OptionReply uncheckedFence(RawClient asker, NodeIdentity victim) {
    try {
      return fence(asker, victim);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void aFenceThatWaitsTooLongForTheDiskSaysNotYetAndIsInForceAllTheSame() throws Exception {
    server.close();
    server.waitingForRequests(Duration.ofMillis(50)).start();
    hold = Hold.uninterruptible(disk, operation -> operation.kind() == SimOperation.Kind.WRITE);
    try (RawClient victim = server.using(node(2, 7));
        RawClient survivor = server.identified(node(1, 6))) {
      victim.sendWrite(0, 1, 0, block(1));
      hold.awaitHeld(1);
      OptionReply answer = fence(survivor, node(2, 7));
      assertThat(answer.type()).isEqualTo(Nbd.REP_ERR_PLATFORM);
      assertThat(answer.text()).contains("node 2 (incarnation 7)").contains("still in the disk");
      assertThatIOException()
          .isThrownBy(() -> server.using(node(2, 7)))
          .withMessageContaining("fenced");
      hold.release();
      victim.receiveAll();
      OptionReply again = fence(survivor, node(2, 7));
      while (again.type() != Nbd.REP_ACK) {
        assertThat(again.type()).isEqualTo(Nbd.REP_ERR_PLATFORM);
        again = fence(survivor, node(2, 7));
      }
    }
  }

  @Test
  void aFenceOutlivesTheServer() throws Exception {
    try (RawClient survivor = server.identified(node(1, 6))) {
      assertThat(fence(survivor, node(2, 7)).type()).isEqualTo(Nbd.REP_ACK);
    }
    restart();
    for (long incarnation : new long[] {0, 3, 7}) {
      assertThatIOException()
          .isThrownBy(() -> server.using(node(2, incarnation)))
          .withMessageContaining("node 2 (incarnation " + incarnation + ")")
          .withMessageContaining("fenced here: up to incarnation 7");
    }
    server.using(node(2, 8)).close();
    server.using(node(3, 7)).close();
    server.using(new NodeIdentity(FencedServer.OTHER_CLUSTER, 2, 7)).close();
  }

  @Test
  void aNodeThatWasFencedBetweenSayingWhoItIsAndGoingIsRefused() throws Exception {
    try (RawClient victim = server.identified(node(2, 7));
        RawClient survivor = server.identified(node(1, 6))) {
      assertThat(fence(survivor, node(2, 7)).type()).isEqualTo(Nbd.REP_ACK);
      OptionReply answer = victim.go("disk").getLast();
      assertThat(answer.type()).isEqualTo(Nbd.REP_ERR_POLICY);
      assertThat(answer.text()).contains("fenced");
    }
  }

  @Test
  void aNodeThatComesBackIsFencedInItsEarlierLives() throws Exception {
    try (RawClient old = server.using(node(2, 7));
        RawClient other = server.using(node(1, 6));
        RawClient fresh = server.using(node(2, 9))) {
      old.assertClosed();
      assertThatIOException().isThrownBy(() -> server.using(node(2, 8)));
      fresh.sendWrite(0, 1, 0, block(4));
      assertThat(fresh.error(1)).isZero();
      other.sendWrite(0, 2, BLOCK, block(5));
      assertThat(other.error(2)).isZero();
    }
    restart();
    assertThatIOException().isThrownBy(() -> server.using(node(2, 7)));
  }

  @Test
  void severalAreFencedAtOnceOrNobody() throws Exception {
    try (RawClient second = server.using(node(2, 7));
        RawClient third = server.using(node(3, 8));
        RawClient survivor = server.identified(node(1, 6))) {
      byte[] withItself = Bytes.concat(bytes(node(2, 7)), bytes(node(1, 6)));
      assertThat(option(survivor, Nbd.OPT_FENCE, withItself).getFirst().type())
          .isEqualTo(Nbd.REP_ERR_POLICY);
      second.sendWrite(0, 1, 0, block(1));
      assertThat(second.error(1)).isZero();
      byte[] both = Bytes.concat(bytes(node(2, 7)), bytes(node(3, 8)), bytes(node(4, 9)));
      assertThat(option(survivor, Nbd.OPT_FENCE, both).getFirst().type()).isEqualTo(Nbd.REP_ACK);
      second.assertClosed();
      third.assertClosed();
    }
    assertThatIOException().isThrownBy(() -> server.using(node(4, 9)));
    server.using(node(1, 6)).close();
  }

  @Test
  void whoIsFencedFencesNobody() throws Exception {
    try (RawClient dead = server.identified(node(2, 7));
        RawClient survivor = server.identified(node(1, 6))) {
      assertThat(fence(survivor, node(2, 7)).type()).isEqualTo(Nbd.REP_ACK);
      assertThat(fence(dead, node(1, 6)).type()).isEqualTo(Nbd.REP_ERR_POLICY);
    }
    server.using(node(1, 6)).close();
  }

  @Test
  void aFenceThatCannotBeKeptIsNoFenceYetButTheVictimIsRefused() throws Exception {
    try (RawClient victim = server.using(node(2, 7));
        RawClient survivor = server.identified(node(1, 6))) {
      Files.createDirectories(directory.resolve("fences.new").resolve("in the way"));
      OptionReply answer = fence(survivor, node(2, 7));
      assertThat(answer.type()).isEqualTo(Nbd.REP_ERR_PLATFORM);
      assertThat(answer.text()).contains("cannot be written");
      victim.assertClosed();
      assertThatIOException().isThrownBy(() -> server.using(node(2, 7)));
      Files.delete(directory.resolve("fences.new").resolve("in the way"));
      Files.delete(directory.resolve("fences.new"));
      assertThat(fence(survivor, node(2, 7)).type()).isEqualTo(Nbd.REP_ACK);
    }
    restart();
    assertThatIOException().isThrownBy(() -> server.using(node(2, 7)));
  }

  // ---- clients that are no nodes

  private RawClient anonymous(boolean readOnly) throws IOException {
    RawClient client = server.greeted();
    List<OptionReply> replies = client.go("disk");
    assertThat(replies.getLast().type()).as(replies.getLast().text()).isEqualTo(Nbd.REP_ACK);
    int flags =
        replies.stream()
            .map(OptionReply::buffer)
            .filter(b -> b.remaining() == 12 && b.getShort(0) == Nbd.INFO_EXPORT)
            .findFirst()
            .orElseThrow()
            .getShort(10);
    assertThat((flags & Nbd.FLAG_READ_ONLY) != 0).isEqualTo(readOnly);
    return client;
  }

  @Test
  void anybodyMayWriteToADiskThatNoNodeHasUsed() throws Exception {
    server.close();
    server.waitingForRequests(Duration.ofMillis(50)).start();
    try (RawClient client = anonymous(false)) {
      client.sendWrite(0, 1, 0, block(3));
      assertThat(client.error(1)).isZero();
      assertThatIOException()
          .isThrownBy(() -> server.using(node(1, 6)))
          .withMessageContaining("no node of a cluster has it open for writing");
    }
    assertThat(onDisk(0)).isEqualTo((byte) 3);
  }

  @Test
  void whoDoesNotSayWhoItIsOnlyReadsWhatNodesUse() throws Exception {
    try (RawClient _ = server.using(node(1, 6));
        RawClient client = anonymous(true)) {
      client.sendWrite(0, 1, 0, block(3));
      assertThat(client.error(1)).isEqualTo(Nbd.EPERM);
      assertThat(client.simpleRead(0, BLOCK)).containsOnly(0);
    }
    restart();
    anonymous(true).close();
    server.close();
    server.allowingAnonymousWriters().start();
    anonymous(false).close();
    try (RawClient _ = server.using(node(1, 6))) {
      anonymous(true).close();
    }
  }

  @Test
  void aNodeWaitsForAClientThatOnlyHadALook() throws Exception {
    RawClient looker = anonymous(false);
    CompletableFuture<RawClient> coming =
        CompletableFuture.supplyAsync(() -> {
          try {
            return server.using(node(1, 6));
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
    looker.close();
    coming.get().close();
  }

  @Test
  void nodesOfTwoClustersDoNotUseOneDisk() throws Exception {
    var foreign = new NodeIdentity(FencedServer.OTHER_CLUSTER, 1, 3);
    try (RawClient _ = server.using(node(1, 6))) {
      assertThatIOException()
          .isThrownBy(() -> server.using(foreign))
          .withMessageContaining("node 1 (incarnation 6) of cluster " + FencedServer.CLUSTER);
      try (RawClient asker = server.identified(foreign)) {
        assertThat(fence(asker, node(1, 6)).type()).isEqualTo(Nbd.REP_ERR_POLICY);
      }
    }
  }

  // ---- what hostile and other clients send

  private static List<OptionReply> option(RawClient client, int option, byte[] data)
      throws IOException {
    return client.option(option, data);
  }

  @Test
  void wrongDataIsRefusedAndTheHandshakeGoesOn() throws Exception {
    byte[] good = bytes(node(1, 6));
    byte[] noNode = good.clone();
    Arrays.fill(noNode, 16, 20, (byte) 0);
    byte[] wildNode = good.clone();
    Arrays.fill(wildNode, 16, 20, (byte) 0x7f);
    byte[] negative = good.clone();
    negative[20] = -1;
    try (RawClient client = server.greeted()) {
      for (byte[] data :
          List.of(
              new byte[0],
              Arrays.copyOf(good, good.length - 1),
              Arrays.copyOf(good, good.length + 1),
              noNode,
              wildNode,
              negative)) {
        for (int option : new int[] {Nbd.OPT_IDENTIFY, Nbd.OPT_FENCE}) {
          assertThat(option(client, option, data).getLast().type()).isEqualTo(Nbd.REP_ERR_INVALID);
        }
      }
      assertThat(fence(client, node(2, 7)).type())
          .as("nobody has said who it is")
          .isEqualTo(Nbd.REP_ERR_INVALID);
      assertThat(identify(client, node(1, 6)).getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(identify(client, node(1, 6)).getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(identify(client, node(3, 6)).getLast().type()).isEqualTo(Nbd.REP_ERR_INVALID);
      assertThat(fence(client, node(1, 6)).type()).isEqualTo(Nbd.REP_ERR_POLICY);
      assertThat(client.go("disk").getLast().type()).isEqualTo(Nbd.REP_ACK);
    }
    assertThat(Files.readString(server.state)).doesNotContain(" 2 7").doesNotContain(" 3 ");
  }

  @Test
  void anotherServerDoesNotKnowTheOptions() throws Exception {
    try (TestServer other = TestServer.start().with("disk", disk);
        RawClient client = RawClient.greeted(other.address())) {
      assertThat(identify(client, node(1, 6)).getLast().type()).isEqualTo(Nbd.REP_ERR_UNSUP);
      assertThat(fence(client, node(2, 7)).type()).isEqualTo(Nbd.REP_ERR_UNSUP);
      assertThat(client.go("disk").getLast().type()).isEqualTo(Nbd.REP_ACK);
    }
  }

  @Test
  void aFileThatCannotBeUnderstoodKeepsTheServerFromStarting() throws Exception {
    for (String text :
        List.of(
            "",
            "something else\n",
            "mirrorctl-fences 1",
            "mirrorctl-fences 1\nfenced x 1 2\n",
            "mirrorctl-fences 1\nfenced " + FencedServer.CLUSTER + " 1\n",
            "mirrorctl-fences 1\nfenced " + FencedServer.CLUSTER + " 1 -2\n",
            "mirrorctl-fences 1\n" + ("fenced " + FencedServer.CLUSTER + " 1 2\n").repeat(2),
            "mirrorctl-fences 2\n")) {
      Files.writeString(server.state, text);
      assertThatIOException()
          .as(text)
          .isThrownBy(() -> new FenceState(server.state).read())
          .withMessageContaining(server.state.toString());
    }
  }

  @Test
  void theStateFileReadsAsItsPageSays() throws Exception {
    Files.writeString(
        server.state,
        """
        mirrorctl-fences 1
        fenced 1096dc56-5038-6ecb-57b2-0d228d9f925f 1 0
        fenced 1096dc56-5038-6ecb-57b2-0d228d9f925f 2 7
        """);
    String text = Files.readString(server.state);
    var state = new FenceState(server.state);
    assertThat(state.read().values()).containsExactly(0L, 7L);
    state.write(state.read());
    assertThat(Files.readString(server.state)).isEqualTo(text);
  }
}
