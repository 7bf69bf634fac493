package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.BlockDeviceContract;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The device keeps its contract over every server there is. */
class NbdDeviceContractTest {
  /** What the suites have in common: a server that ends after each test. */
  abstract static class OverAServer extends BlockDeviceContract {
    @TempDir Path dir;
    private Closeable server;

    /** Behind the suite, which closes the device. */
    @RegisterExtension
    final AfterEachCallback stopTheServer =
        _ -> {
          if (server != null) {
            server.close();
          }
        };

    BlockDevice connect(ServerProcess process, NbdClientConfig config) throws Exception {
      server = process;
      return NbdDevice.connect(process.uri(), config, Env.system());
    }

    BlockDevice connect(FakeServer fake) throws Exception {
      server = fake;
      return NbdDevice.connect(fake.uri(), NbdClientConfig.DEFAULT, Env.system());
    }

    BlockDevice connect(TestServer own, int connections) throws Exception {
      server = own;
      return NbdDevice.connect(
          NbdUri.parse(own.uri("disk")),
          NbdClientConfig.DEFAULT.withConnections(connections),
          Env.system());
    }

    Path file() throws Exception {
      Path file = dir.resolve("disk");
      try (var disk = new RandomAccessFile(file.toFile(), "rw")) {
        disk.setLength(BYTES + 512);
      }
      return file;
    }
  }

  @Nested
  class OverNbdkitInMemory extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(ServerProcess.nbdkit(dir, "memory", "64M"), NbdClientConfig.DEFAULT);
    }
  }

  @Nested
  class OverFourConnectionsToNbdkit extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(
          ServerProcess.nbdkit(dir, "memory", "64M"), NbdClientConfig.DEFAULT.withConnections(4));
    }
  }

  @Nested
  class OverQemuNbdByTcp extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(
          ServerProcess.qemuNbd(dir, "nbd", "--discard=unmap", file().toString()),
          NbdClientConfig.DEFAULT);
    }
  }

  @Nested
  class OverTheQemuStorageDaemon extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(ServerProcess.storageDaemon(dir, file()), NbdClientConfig.DEFAULT);
    }
  }

  @Nested
  class OverAServerWithSimpleRepliesOnly extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      var fake = new FakeServer(dir, new SimDisk("disk", BYTES));
      fake.structured = false;
      fake.knowsGo = false;
      fake.handshakeFlags = Nbd.FLAG_FIXED_NEWSTYLE;
      fake.flags = Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH;
      return connect(fake);
    }
  }

  @Nested
  class OverAServerThatSendsChunksOutOfOrder extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(new FakeServer(dir, new SimDisk("disk", BYTES)));
    }
  }

  @Nested
  class OverOurOwnServer extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(TestServer.start().with("disk", new SimDisk("disk", BYTES)), 1);
    }
  }

  @Nested
  class OverThreeConnectionsToOurOwnServer extends OverAServer {
    @Override
    protected BlockDevice open() throws Exception {
      return connect(TestServer.start().with("disk", new SimDisk("disk", BYTES, 4096)), 3);
    }
  }
}
