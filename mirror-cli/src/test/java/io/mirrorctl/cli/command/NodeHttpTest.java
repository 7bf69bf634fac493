package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.HttpAddress;
import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.NodeConfig;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScanConfig;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeHttpTest {
  private static final long IN_DATA = 5 << 20;

  @TempDir Path directory;

  private Node node(List<Path> disks) throws Exception {
    return Node.start(
        new NodeConfig(
            "n1",
            directory.resolve("node.sock"),
            List.of(new NbdAddress.Unix(directory.resolve("nbd.sock"))),
            NbdTls.OFF,
            NbdClientTls.DEFAULT,
            Optional.empty(),
            List.of(
                new NodeRequest.Assemble(
                    "m", disks.stream().map(Path::toString).toList(), false, false, false, false)),
            ScanConfig.NONE,
            Optional.of(HttpAddress.parse(":0"))),
        Env.system());
  }

  private static HttpResponse<String> get(Node node, String path) throws Exception {
    return Http.get(node.httpAddress().orElseThrow(), path);
  }

  @Test
  void aNodeIsReadyAsLongAsTheArraysOfItsCommandLineAreInUse() throws Exception {
    List<Path> disks = ClusterRig.disks(directory, BitmapKind.INTERNAL, "a", "b");
    try (Node node = node(disks)) {
      assertThat(node.readyLine()).endsWith(" http=" + node.httpAddress().orElseThrow());
      assertThat(get(node, "/ready").body()).isEqualTo("ready\n");

      Cli.run("stop", "m", "--socket", node.socket());

      HttpResponse<String> answer = get(node, "/ready");
      assertThat(answer.statusCode()).isEqualTo(503);
      assertThat(answer.body()).isEqualTo("array m is not in use: it was stopped\n");
      assertThat(get(node, "/health").statusCode()).isEqualTo(200);
      assertThat(Http.value(get(node, "/metrics").body(), "mirrorctl_ready")).isZero();
      Cli.run("assemble", "m", disks.get(0), disks.get(1), "--socket", node.socket());
      assertThat(get(node, "/ready").statusCode()).isEqualTo(200);
    }
  }

  @Test
  void requestsOfClientsAndDisksAreCounted() throws Exception {
    List<Path> disks = ClusterRig.disks(directory, BitmapKind.INTERNAL, "a", "b");
    try (Node node = node(disks)) {
      try (NbdDevice client =
          NbdDevice.connect(
              NbdUri.parse("nbd+unix:///m?socket=" + directory.resolve("nbd.sock")),
              NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
              Env.system())) {
        client.write(IN_DATA, ByteBuffer.allocate(8192), WriteOption.NONE);
        client.read(IN_DATA, ByteBuffer.allocate(4096));
        client.flush();
      }

      String metrics = get(node, "/metrics").body();

      String m = "{array=\"m\"}";
      assertThat(Http.value(metrics, "mirrorctl_array_writes_total" + m)).isOne();
      assertThat(Http.value(metrics, "mirrorctl_array_written_bytes_total" + m)).isEqualTo(8192);
      assertThat(Http.value(metrics, "mirrorctl_array_read_bytes_total" + m)).isEqualTo(4096);
      assertThat(Http.value(metrics, "mirrorctl_array_flushes_total" + m)).isPositive();
      assertThat(Http.value(metrics, "mirrorctl_array_failed_requests_total" + m)).isZero();
      assertThat(Http.value(metrics, "mirrorctl_array_requests_under_way" + m)).isZero();
      assertThat(Http.value(metrics, "mirrorctl_array_dirty_chunks" + m)).isPositive();
      for (Path disk : disks) {
        String label = "{array=\"m\",disk=\"%s\"}".formatted(disk);
        assertThat(Http.value(metrics, "mirrorctl_disk_written_bytes_total" + label))
            .isGreaterThan(8192);
        assertThat(Http.value(metrics, "mirrorctl_disk_read_errors_total" + label)).isZero();
      }
    }
  }
}
