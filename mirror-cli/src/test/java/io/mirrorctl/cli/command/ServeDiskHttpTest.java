package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.DiskServer;
import io.mirrorctl.cli.daemon.HttpAddress;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServeDiskHttpTest {
  @TempDir Path directory;

  @Test
  void aServedDiskCountsItsRequestsUnderTheNamesOfTheDocumentation() throws Exception {
    Path disk = directory.resolve("a.img");
    try (var file = new RandomAccessFile(disk.toFile(), "rw")) {
      file.setLength(1 << 20);
    }
    Path socket = directory.resolve("nbd.sock");
    var config =
        new DiskServer.Config(
            disk,
            "a",
            directory.resolve("a.fences"),
            false,
            NbdServerConfig.on(new NbdAddress.Unix(socket)),
            Optional.of(HttpAddress.parse(":0")));
    try (DiskServer server = DiskServer.start(config, Env.system())) {
      HttpAddress address = server.httpAddress().orElseThrow();
      assertThat(server.readyLine()).endsWith(" http=" + address);
      assertThat(Http.get(address, "/ready").statusCode()).isEqualTo(200);
      String metrics;
      try (NbdDevice client =
          NbdDevice.connect(
              NbdUri.parse("nbd+unix:///a?socket=" + socket),
              NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
              Env.system())) {
        client.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
        client.read(0, ByteBuffer.allocate(512));

        metrics = Http.get(address, "/metrics").body();
      }

      String label = "{disk=\"%s\"}".formatted(disk);
      assertThat(Http.value(metrics, "mirrorctl_served_disk_connections" + label)).isOne();
      assertThat(Http.value(metrics, "mirrorctl_served_disk_written_bytes_total" + label))
          .isEqualTo(4096);
      assertThat(Http.value(metrics, "mirrorctl_served_disk_read_bytes_total" + label))
          .isEqualTo(512);
      assertThat(Http.names(metrics))
          .containsAll(Http.documented("mirrorctl_served_"))
          .hasSize(Http.documented("mirrorctl_served_").size() + 1)
          .contains("mirrorctl_ready");
    }
  }
}
