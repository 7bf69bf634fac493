package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node that is told to stop before it serves. */
class EarlySigtermIT {
  private static final long DISK_BYTES = 16 << 20;
  private static final int SIGTERM_STATUS = 143;
  private static final int ROUNDS = 6;

  @TempDir Path directory;

  private int starts;

  private Background start(String... assemble) {
    var command = new ArrayList<>(NodeProcess.java("io.mirrorctl.cli.Main"));
    command.addAll(List.of("node", "--name", "n", "--socket", socket().toString()));
    for (String array : assemble) {
      command.addAll(List.of("--assemble", array));
    }
    starts++;
    return Background.start(command, directory.resolve("node" + starts + ".log"));
  }

  private Path socket() {
    return directory.resolve("node.sock");
  }

  private Path disk(String name) {
    return directory.resolve(name);
  }

  @Test
  void oneThatWaitsForADiskStopsAndHasChangedNothing() throws Exception {
    List<Path> disks = MemberFiles.create(DISK_BYTES, disk("a"), disk("b"));
    byte[] before = Files.readAllBytes(disks.getFirst());
    Path silent = disk("silent.sock");
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(silent));
      CompletableFuture<SocketChannel> client =
          CompletableFuture.supplyAsync(() -> {
            try {
              return server.accept(); // and never a word
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          });
      try (Background node =
          start("m=%s,nbd+unix:///?socket=%s".formatted(disks.getFirst(), silent), "other=x,y")) {
        node.await("connection to the silent server", client::isDone);

        assertThat(node.terminate()).isZero();
        assertThat(node.log()).isEmpty();
      }
      client.join().close();
    }
    assertThat(socket()).doesNotExist();
    assertThat(Files.readAllBytes(disks.getFirst())).isEqualTo(before);
    assertUsable("m", disks);
  }

  @Test
  void atAnyMomentItStopsCleanly() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    var random = new SplittableRandom(seed);
    List<Path> first = MemberFiles.create(DISK_BYTES, disk("a"), disk("b"));
    List<Path> second = MemberFiles.create(DISK_BYTES, disk("c"), disk("d"));
    for (int round = 0; round < ROUNDS; round++) {
      try (Background node =
          start(MemberFiles.assemble("m", first), MemberFiles.assemble("n", second))) {
        if (round == 0) {
          node.await("socket", () -> Files.exists(socket())); // between nothing and ready
        } else {
          Thread.sleep(random.nextInt(2000));
        }
        int status = node.terminate();
        assertThat(status)
            .as("round %d, seed %d: %s", round, seed, node.log())
            .isIn(0, SIGTERM_STATUS); // the latter as long as the program is being loaded
        if (status != 0) {
          assertThat(node.log()).as("round %d, seed %d", round, seed).doesNotContain("ready");
        }
        assertThat(node.log()).doesNotContain("mirrorctl:");
      }
      assertThat(socket()).doesNotExist();
      for (List<Path> members : List.of(first, second)) {
        assertThat(MemberFiles.superblock(members.get(0)).events())
            .as("round %d, seed %d", round, seed)
            .isEqualTo(MemberFiles.superblock(members.get(1)).events());
      }
    }
    assertUsable("m", first);
    assertUsable("n", second);
  }

  private void assertUsable(String name, List<Path> disks) {
    try (NodeProcess node =
        NodeProcess.start(
            directory.resolve(name + ".log"),
            "--name",
            "after",
            "--socket",
            directory.resolve(name + ".sock"),
            "--assemble",
            MemberFiles.assemble(name, disks))) {
      assertThat(node.terminate()).isZero();
    }
  }
}
