package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.hash.Hashing;
import com.google.common.io.MoreFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DryRunTest {
  @TempDir Path directory;
  private NodeRig rig;
  private List<Path> disks;

  @BeforeEach
  void start() throws IOException, InterruptedException {
    rig = NodeRig.start(directory);
    disks = rig.mirror();
  }

  @AfterEach
  void stop() throws IOException {
    rig.close();
  }

  /** What all disks hold, and what the node says of the array. */
  private String everything() throws IOException {
    var hashes = new StringBuilder(rig.run("detail", "m", "--json").out());
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        hashes.append(file).append(MoreFiles.asByteSource(file).hash(Hashing.sha256()));
      }
    }
    return hashes.toString();
  }

  private Cli.Run dry(Object... arguments) throws IOException {
    Object[] all = Stream.concat(Stream.of(arguments), Stream.of("--dry-run")).toArray();
    String before = everything();
    Cli.Run run = rig.run(all);
    assertThat(everything()).isEqualTo(before);
    return run;
  }

  private String would(Object... arguments) throws IOException {
    Cli.Run run = dry(arguments);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).startsWith("dry run: ").endsWith("; nothing was changed\n");
    return run.out();
  }

  private void done(Object... arguments) {
    Cli.Run run = rig.run(arguments);
    assertThat(run.code()).as(run.err()).isZero();
  }

  @Test
  void aNewDiskWouldBeASpareOrFillAGap() throws IOException {
    Path next = rig.file("next", NodeRig.DISK_BYTES);

    assertThat(would("add", "m", next)).contains(next + " would be overwritten and become a spare");
    done("fail", "m", disks.get(1));
    assertThat(would("add", "m", next)).contains("become a member in place of one that is missing");
    assertThat(would("re-add", "m", disks.get(1)))
        .contains("come back as the member it was; only what changed");
    done("remove", "m", disks.get(1));
    assertThat(would("add", "m", disks.get(1))).contains("only what changed since would be copied");

    done("add", "m", next); // it is still free
  }

  @Test
  void whatWouldBeRefusedIsRefused() throws IOException {
    Path small = rig.file("small", 1 << 20);
    Path used = rig.file("used", NodeRig.DISK_BYTES);
    assertThat(Cli.run("create", "other", used).code()).isZero();

    Cli.Run foreign = dry("add", "m", used);
    assertThat(foreign.code()).isEqualTo(4);
    assertThat(foreign.err()).contains(used + " holds ", "--force");
    assertThat(dry("add", "m", used, "--force").code()).isZero();
    assertThat(dry("add", "m", small).err()).contains("is too small");
    assertThat(dry("add", "m", disks.get(0)).err()).contains("is in m already");
    assertThat(dry("add", "m", directory.resolve("gone")).code()).isEqualTo(1);
    assertThat(dry("remove", "m", disks.get(0)).err()).contains("is in use (in-sync)");
    assertThat(dry("re-add", "m", disks.get(0)).err()).contains("not faulty");
    assertThat(dry("re-add", "m", small).err()).contains("never a member");
    assertThat(dry("replace", "m", disks.get(0), "--with", used).code()).isEqualTo(4);
    assertThat(dry("replace", "m", disks.get(0), "--with", disks.get(1)).err())
        .contains("is not a spare");
    assertThat(dry("grow", "m", "--members", "1").err()).contains("2 members are in use");
    assertThat(dry("grow", "m", "--size", "1T").err()).contains("do not fit");
    assertThat(dry("grow", "m", "--size", "1M").code()).isEqualTo(4);
    assertThat(dry("eject", "n2").err()).contains("belongs to no cluster");
  }

  @Test
  void removingReplacingAndGrowingAreSaid() throws IOException {
    Path next = rig.file("next", NodeRig.DISK_BYTES);

    assertThat(would("replace", "m", disks.get(0), "--with", next))
        .contains(next + " would be overwritten and filled while " + disks.get(0));
    assertThat(would("grow", "m", "--members", "3"))
        .contains("m would have 3 members instead of 2");
    assertThat(would("grow", "m", "--size", "1M", "--force"))
        .contains("m would have 1 MiB instead");
    done("add", "m", next);
    assertThat(would("remove", "m", next)).contains(next + " would be let go of");
    assertThat(rig.run("remove", "m", next, "--dry-run", "--json").json().get("would").asString())
        .startsWith(next.toString());
  }

  @Test
  void waitReturnsWhenEverythingIsCopied() throws IOException {
    Path next = rig.file("next", NodeRig.DISK_BYTES);

    done("replace", "m", disks.get(0), "--with", next, "--wait");
    assertThat(rig.run("detail", "m").out()).contains("faulty").doesNotContain("replacing");
  }

  @Test
  void aReturnedOrNewMemberIsAwaited() throws IOException {
    done("fail", "m", disks.get(1));
    done("re-add", "m", disks.get(1), "--wait");
    assertThat(rig.run("status").out()).contains("[2/2] [UU]");

    done("add", "m", rig.file("next", NodeRig.DISK_BYTES));
    done("grow", "m", "--members", "3", "--wait");
    assertThat(rig.run("status").out()).contains("[3/3] [UUU]");
  }

  @Test
  void aSuperblockThatWouldGoStays() throws IOException {
    Path other = rig.file("other", NodeRig.DISK_BYTES);
    assertThat(Cli.run("create", "x", other).code()).isZero();
    String before = everything();

    Cli.Run run = Cli.run("zero-superblock", other, "--dry-run");

    assertThat(run.out())
        .isEqualTo("dry run: " + other + ": superblock would be overwritten (sector 8)\n");
    assertThat(everything()).isEqualTo(before);
    assertThat(Cli.run("zero-superblock", disks.get(0), "--dry-run").code()).isEqualTo(4);
  }
}
