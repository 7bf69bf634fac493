package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.net.HostAndPort;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeIT {
  private static final long DISK_BYTES = 32 << 20;

  @TempDir Path directory;

  private List<Path> disks() {
    return MemberFiles.create(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
  }

  private NodeProcess node(List<Path> disks, Object... more) {
    Object[] arguments = {
      "--name",
      "n1",
      "--socket",
      directory.resolve("node.sock"),
      "--nbd",
      "unix:" + directory.resolve("nbd.sock"),
      "--nbd",
      "127.0.0.1:0",
      "--assemble",
      MemberFiles.assemble("m", disks)
    };
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return NodeProcess.start(directory.resolve("node.log"), all.toArray());
  }

  private static NbdDevice connect(NodeProcess node) throws IOException {
    return NbdDevice.connect(
        NbdUri.parse(node.ready().uri("m")),
        NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
        Env.system());
  }

  private static ByteBuffer random(int bytes, long seed) {
    byte[] data = new byte[bytes];
    new SplittableRandom(seed).nextBytes(data);
    return ByteBuffer.wrap(data);
  }

  @Test
  void aNodeSaysThatItServesAndStopsCleanlyOnSigterm() throws IOException {
    List<Path> disks = disks();
    NodeProcess node = node(disks);
    assertThat(node.ready().name()).isEqualTo("n1");
    assertThat(node.ready().socket()).isEqualTo(directory.resolve("node.sock"));
    assertThat(node.ready().nbd()).hasSize(2);
    assertThat(node.ready().nbd().get(0)).isEqualTo("unix:" + directory.resolve("nbd.sock"));
    assertThat(node.ready().nbd().get(1)).matches("127\\.0\\.0\\.1:[1-9][0-9]*");
    try (NbdDevice client = connect(node)) {
      client.write(0, random(1 << 20, 1), WriteOption.NONE);
      assertThat(MemberFiles.dirtyChunks(disks.get(0))).isPositive();

      assertThat(node.terminate()).isZero();
    }
    assertThat(node.log().lines()).hasSize(1); // the ready line is all it had to say
    assertThat(directory.resolve("node.sock")).doesNotExist();
    assertThat(directory.resolve("nbd.sock")).doesNotExist();
    for (Path disk : disks) {
      assertThat(MemberFiles.superblock(disk).resyncOffset()).isEqualTo(Superblock.MAX_SECTOR);
      assertThat(MemberFiles.dirtyChunks(disk)).isZero();
    }
    assertThat(MemberFiles.sameData(disks.get(0), disks.get(1))).isTrue();
  }

  @Test
  void aNodeThatWasKilledComesBackAndMakesTheMembersEqual()
      throws IOException, InterruptedException {
    List<Path> disks = disks();
    ByteBuffer data = random(1 << 17, 2);
    try (NodeProcess node = node(disks)) {
      try (NbdDevice client = connect(node)) {
        client.write(4 << 20, data, WriteOption.NONE);
        client.flush();
        node.kill();
      }
      assertThat(MemberFiles.dirtyChunks(disks.get(0))).isPositive();
      MemberFiles.spoil(
          disks.get(1), (4 << 20) + (3 << 16)); // as if an unanswered write had got to one only

      node.restart();
      ArrayDetail array =
          new NodeClient(node.ready().socket())
              .ask(
                  new NodeRequest.Wait(
                      "m", NodeRequest.Wait.Until.IN_SYNC, OptionalLong.of(60_000)),
                  ArrayDetail.class);
      assertThat(array.state()).isIn("clean", "active");
      try (NbdDevice client = connect(node)) {
        ByteBuffer found = ByteBuffer.allocate(1 << 17);
        client.read(4 << 20, found);
        assertThat(found.flip()).isEqualTo(data.flip());
      }
      assertThat(node.terminate()).isZero();
    }
    assertThat(MemberFiles.sameData(disks.get(0), disks.get(1))).isTrue();
  }

  @Test
  void clientsThatTalkGarbageOrVanishInMidRequestHarmNobody() throws IOException {
    try (NodeProcess node = node(disks())) {
      HostAndPort address = HostAndPort.fromString(node.ready().nbd().get(1));
      SplittableRandom seeds = new SplittableRandom(3);
      for (int i = 0; i < 20; i++) {
        try (var socket =
            SocketChannel.open(new InetSocketAddress(address.getHost(), address.getPort()))) {
          socket.write(random(1 + seeds.nextInt(500), seeds.nextLong()));
        }
      }
      Path half = directory.resolve("half");
      Files.write(half, random(16 << 20, 4).array());
      try (var copy =
          Background.start(
              List.of("nbdcopy", half.toString(), node.ready().uri("m")),
              directory.resolve("copy.log"))) {
        copy.kill();
      }
      try (NbdDevice client = connect(node)) {
        client.write(0, random(4096, 5), WriteOption.NONE);
        client.flush();
      }
      assertThat(node.terminate()).isZero();
    }
  }

  @Test
  void aSecondNodeIsKeptFromTheSocketAndFromTheDisks() {
    List<Path> disks = disks();
    try (NodeProcess node = node(disks)) {
      var socket = mirrorctl("node", "--name", "n2", "--socket", node.ready().socket());
      assertThat(socket.runToAnyEnd())
          .satisfies(run -> {
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains("another node uses it").hasLineCount(1);
          });

      var members =
          mirrorctl(
              "node",
              "--name",
              "n2",
              "--socket",
              directory.resolve("other.sock"),
              "--assemble",
              MemberFiles.assemble("m", disks));
      assertThat(members.runToAnyEnd())
          .satisfies(run -> {
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains(disks.get(0).toString(), "in use").hasLineCount(1);
            assertThat(run.out()).isEmpty();
          });
      assertThat(node.isAlive()).isTrue();
    }
  }

  @Test
  void anAddressThatCannotBeHadIsNamed() {
    Path nowhere = directory.resolve("nowhere/nbd.sock");
    Path socket = directory.resolve("node.sock");
    var run =
        mirrorctl("node", "--name", "n", "--socket", socket, "--nbd", "unix:" + nowhere)
            .runToAnyEnd();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err())
        .contains("cannot listen on unix:" + nowhere, "give another address")
        .hasLineCount(1);
    assertThat(socket).doesNotExist();
  }

  @Test
  void aNodeTellsOverHttpHowItIs() throws IOException, InterruptedException {
    try (NodeProcess node = node(disks(), "--http", ":0");
        HttpClient client = HttpClient.newHttpClient()) {
      String address = node.ready().fields().get("http");
      assertThat(address).startsWith("127.0.0.1:");
      for (String path : List.of("/health", "/ready", "/metrics")) {
        HttpResponse<String> answer =
            client.send(
                HttpRequest.newBuilder(URI.create("http://" + address + path)).build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(path).isEqualTo(200);
        assertThat(answer.body().contains("mirrorctl_array_state{array=\"m\",state=\"clean\"} 1.0"))
            .as(answer.body())
            .isEqualTo(path.equals("/metrics"));
      }
      assertThat(node.terminate()).isZero();
    }
  }
}
