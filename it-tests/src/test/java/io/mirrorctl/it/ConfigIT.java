package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.ArraySummary;
import io.mirrorctl.cli.daemon.NodeClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node that is started by a configuration file alone, as a service is after a reboot. */
class ConfigIT {
  @TempDir Path directory;

  @Test
  void aNodeComesBackWithItsArraysAfterAKillAndFindsADiskThatMoved() throws Exception {
    Path a = directory.resolve("a.img");
    Path b = directory.resolve("b.img");
    MemberFiles.create(16 << 20, a, b);
    String uuid = MemberFiles.superblock(a).setUuid().toString();
    Path config =
        Files.writeString(
            directory.resolve("node.yaml"),
            """
            name: n1
            socket: %1$s/node.sock
            nbd: "unix:%1$s/nbd.sock"
            disks: %1$s/*.img
            arrays:
              - name: vol
                uuid: %2$s
            """
                .formatted(directory, uuid));

    try (NodeProcess node = NodeProcess.start(directory.resolve("node.log"), "--config", config)) {
      assertThat(states(node)).containsExactly("vol clean");
      node.kill();
      Files.move(b, directory.resolve("moved.img"));
      node.restart();

      assertThat(states(node)).singleElement().asString().startsWith("vol ");
      assertThat(mirrorctl("assemble", "--scan", "--socket", node.ready().socket()).run().out())
          .isEqualTo("vol: in use already\n");
      assertThat(node.terminate()).isZero();
    }
  }

  private static List<String> states(NodeProcess node) throws IOException, InterruptedException {
    return new NodeClient(node.ready().socket()).status().stream().map(ConfigIT::line).toList();
  }

  private static String line(ArraySummary array) {
    return array.name() + " " + array.state();
  }
}
