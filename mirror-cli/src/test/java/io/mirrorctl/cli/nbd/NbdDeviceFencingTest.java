package io.mirrorctl.cli.nbd;

import static io.mirrorctl.cli.nbd.FencedServer.node;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.FencingDevice.Fence;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A device of a shared array on a disk server: fences, and what a lost connection means. */
@Timeout(60)
class NbdDeviceFencingTest {
  private static final int BLOCK = 512;
  private static final NbdClientConfig PATIENT = NbdClientConfig.DEFAULT.sharedBy(node(1, 6));

  @TempDir Path directory;
  private final SimDisk disk = new SimDisk("disk", 8 << 20);
  private FencedServer server;
  private NbdDevice device;

  @BeforeEach
  void start() throws IOException {
    server = new FencedServer(directory, disk).start();
  }

  @AfterEach
  void stop() throws IOException {
    if (device != null) {
      device.close();
    }
    server.close();
  }

  private NbdDevice connect(NbdClientConfig config) throws IOException {
    device = NbdDevice.connect(server.uri(), config, Env.system());
    return device;
  }

  private void restart(UUID storage) throws IOException {
    long before = device.status().reconnects();
    server.close();
    server.withStorage(storage).start();
    Awaitility.await().until(() -> device.status().reconnects() > before);
  }

  private static void read(NbdDevice from) throws IOException {
    from.read(0, ByteBuffer.allocate(BLOCK));
  }

  private static void write(NbdDevice to) throws IOException {
    to.write(0, ByteBuffer.allocate(BLOCK), WriteOption.NONE);
  }

  private static void assertLost(NbdDevice device) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> read(device))
        .matches(e -> e.failure() == IoFailure.VOLATILE_LOSS);
  }

  @Test
  void aServerThatIsStartedAnewOnTheSameHostHasLostNothing() throws Exception {
    connect(PATIENT);
    write(device);
    restart(FencedServer.STORAGE);
    read(device);
    assertThat(device.status().lossUnacknowledged()).isFalse();
  }

  @Test
  void aServerOnAHostThatWasStartedAnewMayHaveLostWhatOthersWrote() throws Exception {
    connect(PATIENT);
    read(device);
    restart(new UUID(7, 8));
    assertLost(device);
    device.acknowledgeLoss();
    read(device);
    restart(new UUID(7, 8));
    read(device);
    restart(FencedServer.STORAGE);
    assertLost(device);
  }

  @Test
  void aServerThatDoesNotKnowItsClientsMayHaveLostWhatOthersWroteAtEveryBreak() throws Exception {
    try (var other = new FakeServer(directory, new SimDisk("other", 8 << 20));
        NbdDevice shared = NbdDevice.connect(other.uri(), PATIENT, Env.system());
        NbdDevice alone = NbdDevice.connect(other.uri(), NbdClientConfig.DEFAULT, Env.system())) {
      for (int round = 0; round < 2; round++) {
        int before = other.accepted();
        other.dropConnections();
        Awaitility.await().until(() -> other.accepted() >= before + 2);
        assertLost(shared);
        read(alone);
        shared.acknowledgeLoss();
        read(shared);
      }
      assertThat(shared.fence(Map.of(2, 7L))).isEqualTo(Fence.NOT_POSSIBLE);
    }
  }

  @Test
  void aFencedNodesDeviceIsRefused() throws Exception {
    try (NbdDevice victim =
        NbdDevice.connect(
            server.uri(),
            NbdClientConfig.DEFAULT.sharedBy(node(2, 7)).withRetryLimit(Duration.ofMillis(300)),
            Env.system())) {
      connect(PATIENT);
      write(victim);
      assertThat(device.fence(Map.of(2, 7L))).isEqualTo(Fence.DONE);
      assertThat(device.fence(Map.of(2, 7L))).isEqualTo(Fence.DONE);
      assertThatExceptionOfType(DeviceException.class)
          .isThrownBy(() -> write(victim))
          .matches(e -> e.failure() == IoFailure.GONE)
          .withMessageContaining("fenced");
    }
    assertThatIOException()
        .isThrownBy(() ->
            NbdDevice.connect(
                server.uri(), NbdClientConfig.DEFAULT.sharedBy(node(2, 6)), Env.system()))
        .withMessageContaining("node 2 (incarnation 6)")
        .withMessageContaining("fenced");
    write(device);
  }

  @Test
  void whatIsAskedAfterADeathWaitsUntilTheDeadNodeIsRefused() throws Exception {
    connect(PATIENT);
    write(device);
    disk.hook(_ -> {
      if (!Files.readString(server.state).contains(" 2 7\n")) {
        throw new IOException("a request before the fence");
      }
    });
    device.fenceFirst(Map.of(2, 7L));
    write(device);
    assertThatIOException().isThrownBy(() -> server.using(node(2, 7)));
    long sessions = device.status().reconnects();
    device.fenceFirst(Map.of(2, 6L));
    device.fenceFirst(Map.of(2, 7L));
    write(device);
    assertThat(device.status().reconnects()).isEqualTo(sessions);
  }

  @Test
  void theSessionBeforeADeathIsCutOffAndNotEndedInOrder() throws Exception {
    try (FakeServer fake = new FakeServer(directory, disk)) {
      fake.knowsNodes = true;
      try (NbdDevice shared = NbdDevice.connect(fake.uri(), PATIENT, Env.system())) {
        write(shared);
        shared.fenceFirst(Map.of(2, 7L));
        write(shared);
        assertThat(shared.status().reconnects()).isPositive();
      }
      Awaitility.await().until(() -> fake.goodbyes() > 0);
      assertThat(fake.goodbyes()).as("of the last session only").isEqualTo(1);
    }
  }

  @Test
  void aServerThatIsAwayIsToldBeforeItGetsAnotherRequest() throws Exception {
    connect(PATIENT.withRetryLimit(Duration.ofMillis(300)));
    server.close();
    Awaitility.await().until(() -> device.status().connection() == NbdStatus.Connection.GONE);
    assertThat(device.fence(Map.of(2, 7L))).isEqualTo(Fence.BEFORE_USE);
    assertThat(Files.readString(server.state)).doesNotContain("2 7");
    server.start();
    disk.hook(_ -> {
      if (!Files.readString(server.state).contains(" 2 7\n")) {
        throw new IOException("a request before the fence");
      }
    });
    Awaitility.await().until(() -> device.status().connection() == NbdStatus.Connection.CONNECTED);
    read(device);
    assertThatIOException().isThrownBy(() -> server.using(node(2, 7)));
  }

  @Test
  void aServerThatMayComeBackAnyMomentIsToldBeforeItGetsAnotherRequest() throws Exception {
    connect(PATIENT);
    server.close();
    assertThat(device.fence(Map.of(2, 7L))).isEqualTo(Fence.BEFORE_USE);
    disk.hook(_ -> {
      if (!Files.readString(server.state).contains(" 2 7\n")) {
        throw new IOException("a request before the fence");
      }
    });
    server.start();
    read(device);
    assertThat(Files.readString(server.state)).as("told on the way").contains(" 2 7\n");
  }

  @Test
  void aDeviceOfALocalArrayFencesNobody() throws Exception {
    connect(NbdClientConfig.DEFAULT);
    assertThat(device.fence(Map.of(2, 7L))).isEqualTo(Fence.NOT_POSSIBLE);
  }
}
