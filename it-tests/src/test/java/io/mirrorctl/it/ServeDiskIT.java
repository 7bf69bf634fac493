package io.mirrorctl.it;

import static io.mirrorctl.it.ClusterNodes.awaitInSync;
import static io.mirrorctl.it.ClusterNodes.connect;
import static io.mirrorctl.it.ClusterNodes.members;
import static io.mirrorctl.it.ClusterNodes.slots;
import static io.mirrorctl.it.ClusterNodes.soon;
import static io.mirrorctl.it.ClusterNodes.states;
import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.nbd.NodeIdentity;
import io.mirrorctl.core.env.Env;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nodes that share an array of disks on disk servers: dead ones are refused there. */
class ServeDiskIT {
  private static final long DISK_BYTES = 32 << 20;
  private static final long ENOUGH = 200;

  /** Above all that a writer counts to. */
  private static final long NEWER = 1L << 40;

  @TempDir Path directory;
  private final List<DiskProcess> disks = new ArrayList<>();
  private ClusterNodes nodes;

  @BeforeEach
  void create() {
    nodes = new ClusterNodes(directory, Duration.ofSeconds(5));
  }

  @AfterEach
  void stop() {
    nodes.close();
    disks.forEach(DiskProcess::close);
  }

  private void serveDisks() {
    for (Path file :
        MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"))) {
      disks.add(DiskProcess.start(file));
    }
  }

  private NodeProcess node(String name) {
    String members = String.join(",", disks.stream().map(DiskProcess::url).toList());
    return nodes.start(name, "--assemble", "m=" + members);
  }

  /** The node with this number, as it lives now. */
  private NodeIdentity identity(NodeProcess asked, int number) throws Exception {
    long incarnation =
        members(asked).stream()
            .filter(node -> node.number() == number)
            .findFirst()
            .orElseThrow()
            .incarnation();
    String cluster = disks.getFirst().fenced(number).orElseThrow().split(" ", -1)[0];
    return new NodeIdentity(UUID.fromString(cluster), number, incarnation);
  }

  private void endCleanlyWithEqualMembers(NodeProcess asked) throws Exception {
    awaitInSync(asked);
    nodes.endCleanly();
    for (DiskProcess disk : disks) {
      assertThat(disk.terminate()).as(disk.log()).isZero();
    }
    MemberFiles.assertEqualAndClean(disks.stream().map(DiskProcess::disk).toList());
  }

  @Test
  void aNodeThatIsKilledIsRefusedByAllDisksWhateverIsSentInItsName() throws Exception {
    serveDisks();
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    NodeIdentity victim = identity(first, 2);
    var inItsName = NbdClientConfig.DEFAULT.sharedBy(victim).withRetryLimit(Duration.ZERO);
    try (NumberedWriter killed = NumberedWriter.start(connect(second), 0);
        NbdDevice ghost =
            NbdDevice.connect(NbdUri.parse(disks.getFirst().url()), inItsName, Env.system())) {
      soon("it writes", () -> killed.count() > ENOUGH);
      NumberedWriter.read(ghost, DISK_BYTES / 2, 0);

      nodes.kill(second);

      soon("takeover", () -> slots(first).equals(List.of("n1 active")));
      for (DiskProcess disk : disks) {
        assertThat(disk.fenced(2))
            .hasValue("%s %d".formatted(victim.cluster(), victim.incarnation()));
        assertThatIOException()
            .isThrownBy(
                () -> NbdDevice.connect(NbdUri.parse(disk.url()), inItsName, Env.system()).close())
            .withMessageContaining("fenced");
      }
      assertThatIOException()
          .isThrownBy(() -> NumberedWriter.write(ghost, DISK_BYTES / 2, 0, NEWER));
      assertThat(killed.ended().join()).isPresent();
      try (NbdDevice reader = connect(first)) {
        killed.check(reader);
      }
    }
    endCleanlyWithEqualMembers(first);
  }

  @Test
  void aNodeThatSleepsBeyondItsSessionWithWritesInFlightIsRefusedAndComesBack() throws Exception {
    serveDisks();
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    NodeIdentity victim = identity(first, 2);
    List<NumberedWriter> asleep = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      asleep.add(NumberedWriter.start(connect(second), i << 20));
    }
    for (NumberedWriter each : asleep) {
      soon("all write", () -> each.count() > ENOUGH);
    }

    second.pause();
    soon("takeover", () -> slots(first).equals(List.of("n1 active")));
    for (DiskProcess disk : disks) {
      assertThat(disk.fenced(2))
          .hasValue("%s %d".formatted(victim.cluster(), victim.incarnation()));
    }
    try (NbdDevice writer = connect(first)) {
      for (int i = 0; i < asleep.size(); i++) {
        asleep.get(i).check(writer);
        for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
          NumberedWriter.write(writer, i << 20, block, NEWER + block);
        }
      }
    }
    second.resume();

    for (NumberedWriter each : asleep) {
      assertThat(each.ended().join()).isPresent();
      each.close();
    }
    soon("it is back", () -> slots(second).equals(List.of("n1 active", "n2 active")));
    for (NodeProcess node : List.of(first, second)) {
      try (NbdDevice reader = connect(node)) {
        for (int i = 0; i < asleep.size(); i++) {
          for (int block = 0; block < NumberedWriter.BLOCKS; block++) {
            assertThat(NumberedWriter.read(reader, i << 20, block).getLong())
                .isEqualTo(NEWER + block);
          }
        }
      }
    }
    endCleanlyWithEqualMembers(first);
  }

  @Test
  void aDiskServerThatIsKilledAndStartedAgainUnderLoadHasLostNothing() throws Exception {
    serveDisks();
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    try (NumberedWriter one = NumberedWriter.start(connect(first), 0);
        NumberedWriter other = NumberedWriter.start(connect(second), 4 << 20)) {
      for (int round = 0; round < 2; round++) {
        long soFar = one.count() + ENOUGH;
        long otherSoFar = other.count() + ENOUGH;
        soon("both write", () -> one.count() > soFar && other.count() > otherSoFar);
        disks.getFirst().kill();
        disks.getFirst().restart();
      }
      long soFar = one.count() + ENOUGH;
      long otherSoFar = other.count() + ENOUGH;
      soon("both write", () -> one.count() > soFar && other.count() > otherSoFar);
      assertThat(one.stop()).isEmpty();
      assertThat(other.stop()).isEmpty();
      try (NbdDevice reader = connect(first)) {
        one.check(reader);
        other.check(reader);
      }
    }
    assertThat(states(first)).containsExactly("in-sync", "in-sync");
    assertThat(first.log() + second.log()).doesNotContain("unflushed-writes-lost");
    endCleanlyWithEqualMembers(first);
  }

  @Test
  void aNodeIsFencedThoughTheServerOfOneDiskIsGoneForGood() throws Exception {
    serveDisks();
    NodeProcess first = node("n1");
    NodeProcess second = node("n2");
    try (NumberedWriter killed = NumberedWriter.start(connect(second), 0);
        NumberedWriter goesOn = NumberedWriter.start(connect(first), 4 << 20)) {
      soon("both write", () -> killed.count() > ENOUGH && goesOn.count() > ENOUGH);

      disks.getFirst().kill();
      nodes.kill(second);

      soon("takeover", () -> slots(first).equals(List.of("n1 active")));
      assertThat(disks.get(1).fenced(2)).isPresent();
      long before = goesOn.count();
      soon("writes go on", () -> goesOn.count() > before + ENOUGH);
      assertThat(goesOn.stop()).isEmpty();
      try (NbdDevice reader = connect(first)) {
        killed.check(reader);
        goesOn.check(reader);
      }
    }
    assertThat(states(first)).containsExactlyInAnyOrder("faulty", "in-sync");
  }

  // ---- the command

  private Tool.Output serve(Object... arguments) {
    var all = new ArrayList<Object>(List.of("serve-disk"));
    all.addAll(List.of(arguments));
    Tool.Output output = mirrorctl(all.toArray()).runToAnyEnd();
    assertThat(output.err()).startsWith("mirrorctl: ").doesNotContain("Exception").hasLineCount(1);
    return output;
  }

  private static void assertFails(Tool.Output run, int status, String... words) {
    assertThat(run.status()).as(run.toString()).isEqualTo(status);
    assertThat(run.err()).contains(words);
  }

  @Test
  void whatCannotBeServedIsSaidWithTheRightExitCode() throws Exception {
    serveDisks();
    Path served = disks.getFirst().disk();
    Path free = Files.write(directory.resolve("free"), new byte[1 << 20]);
    String address = "unix:" + directory.resolve("x.sock");
    assertFails(serve(served, "--nbd", address), 1, served.toString(), "in use");
    assertFails(serve(directory.resolve("none"), "--nbd", address), 1, "none", "No such file");
    assertFails(serve(directory, "--nbd", address), 1, directory.toString());
    assertFails(
        serve(free, "--nbd", "unix:" + served + ".sock"), 1, "cannot listen", "another address");
    assertFails(serve(free, "--nbd", "nonsense"), 2, "nonsense");
    assertFails(serve(free), 2, "--nbd");
    assertFails(serve("nbd://host/x", "--nbd", address), 2, "an NBD export already");
    assertFails(serve(free, "--nbd", address, "--tls", "require"), 2, "--tls-cert");
    Path state = Files.writeString(directory.resolve("state"), "rubbish\n");
    assertFails(serve(free, "--nbd", address, "--state", state), 1, state.toString());
    assertThat(Files.readString(state)).isEqualTo("rubbish\n");
  }

  @Test
  void nodesReachADiskServerOverTls() throws Exception {
    TlsFiles tls = TlsFiles.make(directory.resolve("tls"));
    List<Path> files =
        MemberFiles.createShared(DISK_BYTES, directory.resolve("a"), directory.resolve("b"));
    List<String> urls = new ArrayList<>();
    for (Path file : files) {
      var options = new ArrayList<Object>(List.of("--nbd", "127.0.0.1:0"));
      options.addAll(tls.ofNode());
      DiskProcess disk = DiskProcess.start(file, options.toArray());
      disks.add(disk);
      String port = disk.field("nbd").substring("127.0.0.1:".length());
      urls.add("nbds://localhost:%s/%s".formatted(port, file.getFileName()));
    }
    var options = new ArrayList<Object>(List.of("--assemble", "m=" + String.join(",", urls)));
    options.addAll(tls.ofDisks());
    NodeProcess first = nodes.start("n1", options.toArray());
    NodeProcess second = nodes.start("n2", options.toArray());
    NodeIdentity victim = identity(first, 2);

    nodes.kill(second);

    soon("takeover", () -> slots(first).equals(List.of("n1 active")));
    for (DiskProcess disk : disks) {
      assertThat(disk.fenced(2))
          .hasValue("%s %d".formatted(victim.cluster(), victim.incarnation()));
    }
  }
}
