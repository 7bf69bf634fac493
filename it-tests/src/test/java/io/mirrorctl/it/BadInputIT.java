package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is wrong with disks is said clearly, with the right exit code, and nothing is written. */
class BadInputIT {
  private static final long DISK_BYTES = 16 << 20;

  @TempDir Path directory;
  private NodeProcess node;
  private Path a;
  private Path b;

  @BeforeEach
  void start() {
    node =
        NodeProcess.start(
            directory.resolve("node.log"),
            "--name",
            "n",
            "--socket",
            directory.resolve("node.sock"),
            "--nbd",
            "unix:" + directory.resolve("nbd.sock"));
    a = directory.resolve("a");
    b = directory.resolve("b");
    MemberFiles.create(DISK_BYTES, a, b);
  }

  @AfterEach
  void stop() {
    node.close();
  }

  private Tool.Output run(Object command, Object... arguments) {
    var all = new ArrayList<Object>(List.of(command));
    all.addAll(List.of(arguments));
    all.addAll(List.of("--socket", node.ready().socket()));
    Tool.Output output = mirrorctl(all.toArray()).runToAnyEnd();
    assertThat(output.err()).doesNotContain("Exception", "\tat ");
    return output;
  }

  private void assertRefused(Tool.Output run, int status, String... words) {
    assertThat(run.status()).as(run.toString()).isEqualTo(status);
    assertThat(run.err()).startsWith("mirrorctl: ").contains(words).hasLineCount(1);
  }

  @Test
  void aTruncatedMember() throws IOException {
    try (var channel = FileChannel.open(b, StandardOpenOption.WRITE)) {
      channel.truncate(DISK_BYTES / 2);
    }

    assertRefused(run("assemble", "m", a, b), 1, b.toString());
    assertThat(run("assemble", "m", a, "--run").status()).isZero();
  }

  @Test
  void aSuperblockWithAWrongChecksum() throws IOException {
    try (var channel = FileChannel.open(b, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {'X'}), 4096 + 40);
    }

    assertRefused(run("assemble", "m", a, b), 1, b.toString(), "sb_csum");
  }

  @Test
  void aFileSystemThatIsNoMember() throws IOException {
    Path ext4 = directory.resolve("ext4");
    Files.write(ext4, new byte[0]);
    Tool.of("truncate", "-s", "16M", ext4).run();
    Tool.of("mkfs.ext4", "-q", ext4).run();
    byte[] before = Files.readAllBytes(ext4);

    assertRefused(run("assemble", "m", a, ext4), 1, ext4.toString());
    assertThat(run("assemble", "m", a, b).status()).isZero();
    assertRefused(run("add", "m", ext4), 4, ext4.toString(), "ext4", "--force");

    assertThat(Files.readAllBytes(ext4)).isEqualTo(before);
  }

  @Test
  void membersOfDifferentArrays() {
    Path other = directory.resolve("c");
    MemberFiles.create(DISK_BYTES, other, directory.resolve("d"));

    assertRefused(run("assemble", "m", a, other), 1, a.toString(), other.toString());
  }

  @Test
  void aMissingMemberAndOneThatIsNotThere() {
    assertRefused(run("assemble", "m", a), 4, "--run", "lost");
    assertRefused(run("assemble", "m", a, directory.resolve("gone")), 1, "gone");
  }

  @Test
  void aMemberThatIsOpenElsewhere() {
    try (NodeProcess other =
        NodeProcess.start(
            directory.resolve("other.log"),
            "--name",
            "other",
            "--socket",
            directory.resolve("other.sock"),
            "--assemble",
            MemberFiles.assemble("m", List.of(a, b)))) {
      assertRefused(run("assemble", "m", a, b), 1, a.toString(), "in use");
      assertThat(other.terminate()).isZero();
    }
    assertThat(run("assemble", "m", a, b).status()).isZero();
  }

  @Test
  void aFileSystemWithoutRoomForAMember() throws IOException, InterruptedException {
    Path small = Files.createDirectory(directory.resolve("small"));
    Tool.of("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small).run();
    try {
      Path full = small.resolve("full");
      Path roomy = directory.resolve("roomy");
      MemberFiles.create(DISK_BYTES, roomy, full);
      assertThat(run("assemble", "m", roomy, full).status()).isZero();
      ByteBuffer data = ByteBuffer.allocate(8 << 20);
      new SplittableRandom(1).nextBytes(data.array());
      try (NbdDevice client =
          NbdDevice.connect(
              NbdUri.parse(node.ready().uri("m")), NbdClientConfig.DEFAULT, Env.system())) {
        client.write(0, data, WriteOption.NONE);
        client.flush();
        ByteBuffer back = ByteBuffer.allocate(8 << 20);
        client.read(0, back);
        assertThat(back.flip()).isEqualTo(data.flip());
      }
      ArrayDetail array =
          new NodeClient(node.ready().socket()).ask(new NodeRequest.Detail("m"), ArrayDetail.class);
      assertThat(array.state()).isEqualTo("degraded");
      assertThat(array.members())
          .filteredOn(member -> member.path().equals(full.toString()))
          .singleElement()
          .satisfies(member -> {
            assertThat(member.state()).isEqualTo("faulty");
            assertThat(member.cause()).get().asString().containsIgnoringCase("space");
          });
    } finally {
      node.close();
      Mounts.detach(small);
    }
  }
}
