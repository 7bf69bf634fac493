package io.mirrorctl.it;

import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs people use, on two nodes of one array. */
class SharedClientsIT {
  @TempDir Path directory;
  private List<Path> disks;
  private SharedNodes nodes;

  @BeforeEach
  void start() {
    disks = MemberFiles.createShared(96 << 20, directory.resolve("a"), directory.resolve("b"));
    nodes = SharedNodes.start(directory, disks, Duration.ofSeconds(10), 2);
  }

  @AfterEach
  void stop() {
    nodes.close();
  }

  private void endWithEqualMembers() {
    for (int node = 0; node < nodes.count(); node++) {
      assertThat(nodes.node(node).terminate()).as(nodes.node(node).log()).isZero();
    }
    mirrorctl("compare", disks.get(0), disks.get(1)).run();
  }

  @Test
  void aGuestsDiskIsOpenOnTwoNodesWhileTheGuestMoves() throws IOException, InterruptedException {
    try (QemuIo source = QemuIo.open(nodes.uri(0));
        QemuIo target = QemuIo.open(nodes.uri(1))) {
      target.run("read -P 0 0 4M");
      source.run("write -P 0xa5 0 4M");
      source.run("flush");
      target.run("read -P 0xa5 0 4M");
      target.run("write -P 0x5a 1M 64k");
      target.run("flush");
      source.run("read -P 0x5a 1M 64k");
      source.run("write -f -P 0x11 1M 4k");
      target.run("read -P 0x11 1M 4k");
      target.run("read -P 0x5a 1028k 60k");
      assertThatThrownBy(() -> target.run("read -P 0x12 1M 4k")).hasMessageContaining("failed");

      source.quit();
      target.run("write -z 2M 1M");
      target.run("write -P 0x77 3M 512k");
      target.quit();
    }
    try (QemuIo back = QemuIo.open(nodes.uri(0))) {
      back.run("read -P 0xa5 0 1M");
      back.run("read -P 0 2M 1M");
      back.run("read -P 0x77 3M 512k");
    }
    endWithEqualMembers();
  }

  @Test
  void anImageConvertedThroughOneNodeIsTheSameThroughTheOther() throws IOException {
    byte[] bytes = new byte[16 << 20];
    new SplittableRandom(5).nextBytes(bytes);
    Path image = Files.write(directory.resolve("image"), bytes);
    Path back = directory.resolve("back.qcow2");

    Tool.of("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, nodes.uri(0)).run();
    Tool.of("qemu-img", "compare", "-f", "raw", "-F", "raw", nodes.uri(0), nodes.uri(1)).run();
    Tool.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2", nodes.uri(1), back).run();

    Tool.of("qemu-img", "compare", "-f", "raw", "-F", "qcow2", image, back).run();
    endWithEqualMembers();
  }

  @Test
  void aFileSystemMadeThroughOneNodeIsSoundThroughTheOther() throws IOException {
    var random = new SplittableRandom(8);
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (int i = 0; i < 40; i++) {
      byte[] content = new byte[1 + random.nextInt(300_000)];
      random.nextBytes(content);
      files.put("file" + i, content);
    }
    try (var mount = NbdMount.connect(nodes.uri(0), directory.resolve("one"))) {
      mount.format().mount();
      for (var file : files.entrySet()) {
        Files.write(mount.root().resolve(file.getKey()), file.getValue());
      }
      mount.unmount();
    }

    try (var mount = NbdMount.connect(nodes.uri(1), directory.resolve("two"))) {
      mount.check();
      mount.mountReadOnly();
      for (var file : files.entrySet()) {
        assertThat(Files.readAllBytes(mount.root().resolve(file.getKey())))
            .as(file.getKey())
            .isEqualTo(file.getValue());
      }
      mount.unmount();
    }
    endWithEqualMembers();
  }
}
