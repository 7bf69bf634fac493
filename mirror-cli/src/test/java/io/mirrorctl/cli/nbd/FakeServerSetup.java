package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A fake server on a disk that may lose what was not flushed, and a device on it. */
abstract class FakeServerSetup {
  static final int BLOCK = 512;
  static final long SIZE = 8 << 20;

  @TempDir Path dir;
  FakeServer server;
  NbdDevice device;

  /** For calls that have to wait while the test goes on. */
  ExecutorService background;

  @BeforeEach
  void startTheServer() throws IOException {
    server = new FakeServer(dir, new SimDisk("disk", SIZE));
    background = Executors.newVirtualThreadPerTaskExecutor();
  }

  @AfterEach
  void endAll() throws IOException {
    if (device != null) {
      device.close();
    }
    server.close();
    background.close();
  }

  void connect() throws IOException {
    connect(NbdClientConfig.DEFAULT);
  }

  void connect(NbdClientConfig config) throws IOException {
    device = NbdDevice.connect(server.uri(), config, Env.system());
  }

  SimDisk disk() {
    return (SimDisk) server.disk;
  }

  void write(long block, int value) throws IOException {
    device.write(block * BLOCK, filled(value), WriteOption.NONE);
  }

  void writeDurably(long block, int value) throws IOException {
    device.write(block * BLOCK, filled(value), WriteOption.ONLY_DURABLE);
  }

  /** What a block is filled with. */
  int read(long block) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(BLOCK);
    device.read(block * BLOCK, into);
    for (byte b : into.array()) {
      if (b != into.get(0)) {
        throw new AssertionError("block " + block + " is torn");
      }
    }
    return into.get(0);
  }

  static ByteBuffer filled(int value) {
    byte[] bytes = new byte[BLOCK];
    Arrays.fill(bytes, (byte) value);
    return ByteBuffer.wrap(bytes);
  }

  static void fails(IoFailure failure, ThrowingCallable request) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(request)
        .matches(e -> e.failure() == failure, "is " + failure);
  }
}
