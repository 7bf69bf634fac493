package io.mirrorctl.it;

import static io.mirrorctl.it.ClusterNodes.awaitInSync;
import static io.mirrorctl.it.ClusterNodes.connect;
import static io.mirrorctl.it.ClusterNodes.detail;
import static io.mirrorctl.it.ClusterNodes.slots;
import static io.mirrorctl.it.ClusterNodes.soon;
import static io.mirrorctl.it.ClusterNodes.states;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.nbd.NbdDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that each have their own way to one of the disks, and one way that is cut. */
class PathLossIT {
  private static final long DISK_BYTES = 32 << 20;
  private static final long PART = 4 << 20;
  private static final long ENOUGH = 100;

  @TempDir Path directory;
  private final List<Background> ways = new ArrayList<>();
  private ClusterNodes nodes;
  private List<Path> disks;

  @BeforeEach
  void create() {
    nodes = new ClusterNodes(directory, Duration.ofSeconds(10));
    disks = MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
  }

  @AfterEach
  void stop() {
    nodes.close();
    ways.forEach(Background::kill);
  }

  private Path socket(String node) {
    return directory.resolve(node + ".disk");
  }

  private Background way(String node) throws IOException {
    Files.deleteIfExists(socket(node));
    Background way =
        Background.start(
            List.of("nbdkit", "-f", "-U", socket(node).toString(), "file", disks.get(1).toString()),
            directory.resolve(node + ".nbdkit"));
    ways.add(way);
    way.await("socket", () -> Files.exists(socket(node)));
    return way;
  }

  private NodeProcess node(String name, Object... more) {
    var arguments = new ArrayList<Object>(List.of(more));
    arguments.addAll(
        List.of("--assemble", "m=%s,nbd+unix:///?socket=%s".formatted(disks.get(0), socket(name))));
    return nodes.start(name, arguments.toArray());
  }

  private void endCleanly() {
    nodes.endCleanly();
    ways.forEach(Background::kill);
  }

  @Test
  void whoseWayIsCutLeavesTheArrayAndComesBackWhileTheOtherNoticesNothing() throws Exception {
    var _ = way("n1");
    Background cut = way("n2");
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    try (NumberedWriter goesOn = NumberedWriter.start(connect(first), 0);
        NumberedWriter loses = NumberedWriter.start(connect(second), PART)) {
      soon("both write", () -> goesOn.count() > ENOUGH && loses.count() > ENOUGH);

      cut.kill();

      soon("it leaves", () -> slots(first).equals(List.of("n1 active")));
      Optional<IOException> failure = loses.ended().join();
      assertThat(failure).isPresent();
      assertThatThrownBy(() -> detail(second))
          .hasMessageContaining("not in use here until its disks answer again")
          .hasMessageContaining("n2.disk")
          .hasMessageContaining("node n1 does");
      assertThatThrownBy(() -> connect(second).close()).isInstanceOf(IOException.class);
      assertThat(states(first)).containsExactly("in-sync", "in-sync");
      long before = goesOn.count();
      soon("writes go on", () -> goesOn.count() > before + ENOUGH);

      var _ = way("n2");

      soon("it is back", () -> slots(first).equals(List.of("n1 active", "n2 active")));
      soon("it serves", () -> states(second).equals(List.of("in-sync", "in-sync")));
      assertThat(goesOn.stop()).isEmpty();
      for (NodeProcess node : List.of(first, second)) {
        try (NbdDevice reader = connect(node)) {
          goesOn.check(reader);
          loses.check(reader);
        }
      }
    }
    assertThat(second.log()).contains("path-lost").doesNotContain("halted");
    awaitInSync(first);
    endCleanly();
    MemberFiles.assertEqualAndClean(disks);
  }

  @Test
  void withOnPathLossFailTheDiskIsFailedForAllAndTheNodeGoesOn() throws Exception {
    var _ = way("n1");
    Background cut = way("n2");
    NodeProcess first = node("n1");
    NodeProcess second = node("n2", "--on-path-loss", "fail");
    try (NumberedWriter goesOn = NumberedWriter.start(connect(second), PART)) {
      soon("it writes", () -> goesOn.count() > ENOUGH);
      cut.kill();
      soon("it is failed", () -> states(first).equals(List.of("in-sync", "faulty")));
      long before = goesOn.count();
      soon("writes go on", () -> goesOn.count() > before + ENOUGH);
      assertThat(goesOn.stop()).isEmpty();
      try (NbdDevice reader = connect(first)) {
        goesOn.check(reader);
      }
    }
    assertThat(slots(first)).containsExactly("n1 active", "n2 active");
    endCleanly();
  }
}
