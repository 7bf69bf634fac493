package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An array of a file and an NBD export whose server goes away and comes back. */
class NbdMemberIT {
  private static final long MEMBER_BYTES = 32 << 20;

  @TempDir Path directory;

  @Test
  void aServerThatIsKilledAndStartedAgainUnderLoadStaysAMember() throws Exception {
    List<Path> files = ArrayOnDisks.create(directory, MEMBER_BYTES, 2, BitmapKind.INTERNAL, 65536);
    Path socket = directory.resolve("nbdkit.sock");
    Background server = nbdkit(files.get(1), socket);
    try {
      String url = "nbd+unix:///?socket=" + socket;
      try (var array = ServedArray.start(directory, List.of(files.get(0), url))) {
        var ledger = new WriteLedger(size(array));
        try (var writers = CrashWriters.start(array, ledger, new SplittableRandom(21))) {
          for (int i = 0; i < 3; i++) {
            Thread.sleep(300);
            server.kill();
            Thread.sleep(200);
            server = nbdkit(files.get(1), socket);
          }
          Thread.sleep(300);
          writers.stop();
        }
        assertIntact(array, ledger);
        assertThat(array.member(url).state()).isEqualTo("in-sync");
        assertThat(array.node().terminate()).isZero();
      }
    } finally {
      server.kill();
    }
    assertThat(MemberFiles.sameData(files.get(0), files.get(1))).isTrue();
  }

  @Test
  void whatTheServerLostWithItsCacheIsResynced() throws Exception {
    Path file = ArrayOnDisks.files(directory, MEMBER_BYTES, 1).getFirst();
    var disk = new SimDisk("remote", MEMBER_BYTES);
    try (BlockDevice local = FileDevice.open(file, new DeviceAccess.Exclusive())) {
      ArrayOnDisks.create(List.of(local, disk), BitmapKind.INTERNAL, 65536);
    }
    Path socket = directory.resolve("remote.sock");
    try (var remote = CrashMembers.losingPower(socket, List.of(disk), UnaryOperator.identity());
        var array = ServedArray.start(directory, List.of(file, remote.disks().getFirst()))) {
      var random = new SplittableRandom(22);
      var ledger = new WriteLedger(size(array));
      try (var writers = CrashWriters.start(array, ledger, random.split())) {
        for (int i = 0; i < 5; i++) {
          Thread.sleep(300);
          remote.cut(random);
        }
        Thread.sleep(300);
        writers.stop();
      }
      assertIntact(array, ledger);
      assertThat(array.member(remote.disks().getFirst()).state()).isEqualTo("in-sync");
      assertThat(array.node().terminate()).isZero();
      remote.look(devices -> {
        try (BlockDevice local = FileDevice.open(file, new DeviceAccess.ReadOnly())) {
          assertThat(MemberAudit.of(List.of(local, devices.getFirst())).differences()).isEmpty();
        }
      });
    }
  }

  private Background nbdkit(Path file, Path socket) throws IOException {
    Files.deleteIfExists(socket);
    var server =
        Background.start(
            List.of("nbdkit", "-f", "-U", socket.toString(), "file", file.toString()),
            directory.resolve("nbdkit.log"));
    server.await("socket", () -> Files.exists(socket));
    return server;
  }

  private static long size(ServedArray array) throws IOException {
    try (RawNbd client = array.connect()) {
      return client.size();
    }
  }

  /** Everything that was written is there, and on all members. */
  private static void assertIntact(ServedArray array, WriteLedger ledger)
      throws IOException, InterruptedException {
    array.awaitIdle();
    try (RawNbd client = array.connect()) {
      long flush = ledger.flushing();
      assertThat(client.flush()).isZero();
      ledger.flushed(flush);
    }
    assertThat(ledger.durableWrites()).isPositive();
    assertThat(ledger.violations(CrashRounds.contents(array))).isEmpty();
    assertThat(array.check().mismatchBytes()).isZero();
  }
}
