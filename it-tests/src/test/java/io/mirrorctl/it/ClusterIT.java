package io.mirrorctl.it;

import static io.mirrorctl.it.ClusterNodes.awaitInSync;
import static io.mirrorctl.it.ClusterNodes.connect;
import static io.mirrorctl.it.ClusterNodes.members;
import static io.mirrorctl.it.ClusterNodes.slots;
import static io.mirrorctl.it.ClusterNodes.soon;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.nbd.NbdDevice;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes as processes that share an array, and one that dies or sleeps while it writes. */
class ClusterIT {
  private static final long DISK_BYTES = 32 << 20;
  private static final long PART = 4 << 20;
  private static final long ENOUGH = 200;

  /** Above all that a writer counts to. */
  private static final long NEWER = 1L << 40;

  @TempDir Path directory;
  private ClusterNodes nodes;
  private List<Path> disks;

  @BeforeEach
  void create() {
    nodes = new ClusterNodes(directory, Duration.ofSeconds(5));
    disks = MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
  }

  @AfterEach
  void stop() {
    nodes.close();
  }

  private NodeProcess node(String name) {
    return nodes.start(name, "--assemble", MemberFiles.assemble("m", disks));
  }

  private void endCleanlyWithEqualMembers() throws IOException {
    nodes.endCleanly();
    MemberFiles.assertEqualAndClean(disks);
  }

  @Test
  void aNodeIsKilledWhileItWritesAndTheOthersLoseNothingOfWhatWasAcknowledged()
      throws IOException, InterruptedException {
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    NodeProcess third = node("n3");
    try (NumberedWriter killed = NumberedWriter.start(connect(second), 0);
        NumberedWriter goesOn = NumberedWriter.start(connect(third), PART)) {
      soon("both write", () -> killed.count() > ENOUGH && goesOn.count() > ENOUGH);

      nodes.kill(second);

      soon("takeover", () -> slots(first).equals(List.of("n1 active", "n3 active")));
      long before = goesOn.count();
      soon("writes go on", () -> goesOn.count() > before + ENOUGH);
      assertThat(killed.ended().join()).isPresent();
      assertThat(goesOn.stop()).isEmpty();
      awaitInSync(first);
      try (NbdDevice reader = connect(first)) {
        killed.check(reader);
        goesOn.check(reader);
      }
    }
    assertThat(members(first)).extracting(ClusterMembers.Member::name).containsExactly("n1", "n3");
    endCleanlyWithEqualMembers();
  }

  @Test
  void aNodeThatSleepsBeyondItsSessionWritesNothingOldAndComesBack()
      throws IOException, InterruptedException {
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    try (NumberedWriter asleep = NumberedWriter.start(connect(second), 0)) {
      soon("it writes", () -> asleep.count() > ENOUGH);

      second.pause();
      soon("takeover", () -> slots(first).equals(List.of("n1 active")));
      try (NbdDevice writer = connect(first)) {
        asleep.check(writer);
        for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
          NumberedWriter.write(writer, 0, block, NEWER + block);
        }
      }
      second.resume();

      assertThat(asleep.ended().join()).isPresent();
    }
    soon("it is back", () -> slots(second).equals(List.of("n1 active", "n2 active")));
    for (NodeProcess node : List.of(first, second)) {
      try (NbdDevice reader = connect(node)) {
        for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
          assertThat(NumberedWriter.read(reader, 0, block).getLong()).isEqualTo(NEWER + block);
        }
      }
    }
    assertThat(second.log()).contains("halted");
    awaitInSync(first);
    endCleanlyWithEqualMembers();
  }
}
