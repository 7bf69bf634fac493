package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class DiskSearchTest {
  private static final int BYTES = 8 << 20;

  @TempDir Path directory;

  private Path file(String name) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    try (var made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(BYTES);
    }
    return file;
  }

  /** Makes these files the members of a new array; for nodes of a cluster, if it is clustered. */
  private void members(BitmapKind kind, Path... files) throws IOException {
    List<BlockDevice> devices = new ArrayList<>();
    for (Path file : files) {
      devices.add(FileDevice.open(file, new DeviceAccess.Exclusive()));
    }
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "host:m",
                devices,
                List.of(),
                List.of(),
                kind,
                4,
                kind == BitmapKind.CLUSTERED ? "lab" : "",
                64 << 10,
                0,
                true,
                false),
            Env.system())
        .write();
    for (BlockDevice device : devices) {
      device.close();
    }
  }

  private DiskSearch search(Object... patterns) {
    return new DiskSearch(
        Arrays.stream(patterns).map(Object::toString).toList(), Disks.DEFAULT, Env.system());
  }

  private static List<String> disks(DiskSearch.Look look) {
    return look.members().stream().map(DiskSearch.Found::disk).toList();
  }

  @Test
  void membersAreFoundAmongTheDisksThatAPatternFits() throws IOException {
    Path b = file("b.img");
    Path a = file("a.img");
    members(BitmapKind.CLUSTERED, a, b);
    file("c.img");
    members(BitmapKind.INTERNAL, file("d.raw"));

    DiskSearch.Look look = search(directory.resolve("*.img")).look();

    assertThat(look.looked()).isEqualTo(3);
    assertThat(look.unreadable()).isEmpty();
    assertThat(disks(look)).containsExactly(a.toString(), b.toString());
    assertThat(look.members().getFirst().kind()).isEqualTo(BitmapKind.CLUSTERED);
    assertThat(look.members().getFirst().cluster()).isEqualTo("lab");
  }

  @Test
  void aDiskIsFoundByItsOwnUuidWhereverItIs() throws IOException {
    Path a = file("x/1/a.img");
    Path b = file("x/2/b.img");
    members(BitmapKind.INTERNAL, a, b);
    var search = search(directory.resolve("x/?/*"));
    UUID second = search.look().members().get(1).superblock().deviceUuid();

    assertThat(search.find(second)).contains(b.toString());
    assertThat(search.find(new UUID(1, 2))).isEmpty();
  }

  @Test
  void ofTwoCopiesOfADiskNeitherIsTaken() throws IOException {
    Path a = file("a.img");
    members(BitmapKind.INTERNAL, a);
    UUID uuid = search(a).look().members().getFirst().superblock().deviceUuid();
    Files.copy(a, directory.resolve("copy.img"));

    assertThat(search(directory.resolve("*.img")).find(uuid)).isEmpty();
  }

  @Test
  void aDiskWithSeveralPathsIsOneDiskAndHasTheNameOfTheFirst() throws IOException {
    Path a = file("a.img");
    members(BitmapKind.INTERNAL, a);
    Path link = Files.createSymbolicLink(directory.resolve("by-id"), a);

    assertThat(disks(search(link, a).look())).containsExactly(link.toString());
    assertThat(disks(search(a, link).look())).containsExactly(a.toString());
  }

  @Test
  @Timeout(20)
  void whatIsNoDiskIsNeverOpened() throws IOException, InterruptedException {
    Path pipe = directory.resolve("pipe.img"); // opening it would wait for a writer
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    Files.createDirectory(directory.resolve("directory.img"));

    assertThat(search(directory.resolve("*.img"), pipe, "/dev/zero").look().looked()).isZero();
  }

  @Test
  void hiddenFilesAndDirectoriesThatAreNotThereFitNothing() throws IOException {
    members(BitmapKind.INTERNAL, file(".a.img"));

    assertThat(search(directory.resolve("*"), directory.resolve("no/*/such")).look().looked())
        .isZero();
    assertThat(search(directory.resolve(".*")).look().members()).hasSize(1);
  }

  @Test
  void aDiskInUseIsLookedAtAllTheSame() throws IOException {
    Path a = file("a.img");
    members(BitmapKind.INTERNAL, a);

    try (var _ = FileDevice.open(a, new DeviceAccess.Exclusive())) {
      assertThat(search(a).look().members()).hasSize(1);
    }
  }

  @Test
  void aDiskBehindAServerIsFoundAndAServerThatIsAwayIsNamed() throws IOException {
    Path a = file("a.img");
    members(BitmapKind.INTERNAL, a);
    Path socket = directory.resolve("nbd.sock");
    var config =
        new DiskServer.Config(
            a,
            "a",
            directory.resolve("a.fences"),
            false,
            NbdServerConfig.on(new NbdAddress.Unix(socket)),
            Optional.empty());
    String there = "nbd+unix:///a?socket=" + socket;
    String away = "nbd+unix:///a?socket=" + directory.resolve("away.sock");

    try (var _ = DiskServer.start(config, Env.system())) {
      DiskSearch.Look look = search(away, there).look();

      assertThat(disks(look)).containsExactly(there);
      assertThat(look.unreadable()).singleElement().asString().contains("away.sock");
    }
  }

  @Test
  void aRelativePathIsNoPattern() {
    assertThatThrownBy(() -> search("a.img"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("absolute path");
    assertThatThrownBy(() -> search("/dev/[a"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("/dev/[a");
  }
}
