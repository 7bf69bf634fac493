package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NbdMountIT {
  @TempDir Path directory;
  private Background server;
  private String uri;

  @BeforeEach
  void startAServer() {
    Path socket = directory.resolve("nbd");
    server =
        Background.start(
            List.of("nbdkit", "-f", "-U", socket.toString(), "memory", "64M"),
            directory.resolve("nbdkit.log"));
    server.await("socket", () -> Files.exists(socket));
    uri = "nbd+unix:///?socket=" + socket;
  }

  @AfterEach
  void stopTheServer() {
    server.close();
  }

  @Test
  void aFileSystemOverNbdKeepsItsFiles() throws IOException {
    try (var mount = NbdMount.connect(uri, directory.resolve("a")).format().mount()) {
      Files.writeString(mount.root().resolve("greeting"), "hello");
      mount.unmount();
      mount.check();
    }
    try (var mount = NbdMount.connect(uri, directory.resolve("b")).mount()) {
      assertThat(mount.root().resolve("greeting")).hasContent("hello");
    }
  }

  @Test
  void aDamagedFileSystemDoesNotPassTheCheck() {
    try (var mount = NbdMount.connect(uri, directory.resolve("a")).format()) {
      Tool.of("dd", "if=/dev/urandom", "of=" + mount.device(), "bs=64k", "count=4").run();

      assertThat(Tool.of("e2fsck", "-f", "-n", mount.device()).runToAnyEnd().status()).isNotZero();
    }
  }

  @Test
  void aMountWhoseServerDiedCanStillBeClosed() throws IOException {
    Path disk;
    try (var mount = NbdMount.connect(uri, directory.resolve("a")).format().mount()) {
      Files.writeString(mount.root().resolve("greeting"), "hello");
      disk = directory.resolve("a/disk");
      server.kill();
    }

    assertThat(Mounts.isMountPoint(disk)).isFalse();
    assertThat(Mounts.isMountPoint(directory.resolve("a/fs"))).isFalse();
    assertThat(Tool.of("losetup", "--list", "--noheadings", "--output", "BACK-FILE").run().out())
        .doesNotContain(directory.toString());
  }
}
