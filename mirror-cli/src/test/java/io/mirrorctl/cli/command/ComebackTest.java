package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a node brings back by itself after it halted, when others went on meanwhile. */
class ComebackTest {
  @TempDir Path directory;
  private EmbeddedZooKeeper zookeeper;
  private ClusterRig stays;
  private ClusterRig returns;
  private Path a;
  private Path b;

  @BeforeEach
  void start() throws IOException, InterruptedException, StoreException {
    zookeeper =
        EmbeddedZooKeeper.start(
            EmbeddedZooKeeper.Options.in(directory.resolve("zk")).withTick(Duration.ofSeconds(1)));
    stays = ClusterRig.start(zookeeper, directory, "stays");
    returns = ClusterRig.start(zookeeper, directory, "returns");
    List<Path> disks = ClusterRig.disks(directory, BitmapKind.CLUSTERED, "a", "b");
    a = disks.get(0);
    b = disks.get(1);
    stays.done("assemble", "m", a, b);
    returns.done("assemble", "m", a, b);
  }

  @AfterEach
  void stop() throws IOException {
    try (var _ = zookeeper;
        var _ = stays;
        var _ = returns) {
      // closed in reverse
    }
  }

  private static ConditionFactory soon() {
    return Awaitility.await().atMost(Duration.ofSeconds(60));
  }

  /** The node is thrown out while it has no way to A, and B is marked faulty. */
  private Path cutOffFromTheOnlyDiskInUse() throws IOException {
    stays.done("fail", "m", b);
    Path away = a.resolveSibling("away");
    Files.move(a, away);
    stays.done("eject", "returns");
    soon().until(() -> !isThere());
    soon().until(() -> returns.run("members").code() == 0);
    return away;
  }

  private boolean isThere() {
    return returns.run("detail", "m").code() == 0;
  }

  private static void write(ClusterRig node, byte value) throws IOException {
    try (NbdDevice client = connect(node)) {
      client.write(1 << 20, filled(value), WriteOption.NONE);
    }
  }

  private static ByteBuffer read(ClusterRig node) throws IOException {
    try (NbdDevice client = connect(node)) {
      ByteBuffer found = ByteBuffer.allocate(4096);
      client.read(1 << 20, found);
      return found.flip();
    }
  }

  private static ByteBuffer filled(byte value) {
    ByteBuffer block = ByteBuffer.allocate(4096);
    while (block.hasRemaining()) {
      block.put(value);
    }
    return block.flip();
  }

  private static NbdDevice connect(ClusterRig node) throws IOException {
    return NbdDevice.connect(
        NbdUri.parse(node.uri("m")),
        NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
        Env.system());
  }

  @Test
  void itNeverGoesOnWithADiskThatTheOthersHaveLeftBehind() throws Exception {
    write(stays, (byte) 1);
    Path away = cutOffFromTheOnlyDiskInUse();
    stays.done("re-add", "m", b);
    stays.done("wait", "m");
    stays.done("fail", "m", a);
    write(stays, (byte) 2);
    stays.done("stop", "m");

    Files.move(away, a);

    soon().until(this::isThere);
    assertThat(read(returns)).isEqualTo(filled((byte) 2));
  }

  @Test
  void itComesBackWithADiskThatTheOthersHaveTakenBack() throws Exception {
    Path away = cutOffFromTheOnlyDiskInUse();
    stays.done("re-add", "m", b);
    stays.done("wait", "m");
    assertThat(isThere()).isFalse();

    Files.move(away, a);

    soon().until(this::isThere);
    assertThat(returns.done("detail", "m").out()).contains("in-sync").doesNotContain("faulty");
    write(stays, (byte) 3);
    assertThat(read(returns)).isEqualTo(filled((byte) 3));
  }

  @Test
  void itComesBackWithoutADiskThatTheOthersHaveFailed() throws Exception {
    Path away = a.resolveSibling("away");
    Files.move(a, away);
    stays.done("eject", "returns");
    soon().until(() -> !isThere());

    stays.done("fail", "m", a);

    soon().until(this::isThere);
    write(stays, (byte) 4);
    assertThat(read(returns)).isEqualTo(filled((byte) 4));
  }
}
