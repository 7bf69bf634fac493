package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SuperblockRead;
import io.mirrorctl.dlm.cluster.DiskFinder;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How a node finds a disk that another one adds. */
class AnnouncementsTest {
  @TempDir Path directory;
  private final EventFeed events = new EventFeed(Env.system().wallClock());
  private final List<String> opened = new ArrayList<>();
  private Path disk;
  private UUID device;

  @BeforeEach
  void makeADiskWithASuperblock() throws IOException {
    disk = directory.resolve("disk.img");
    try (var made = new RandomAccessFile(disk.toFile(), "rw")) {
      made.setLength(8 << 20);
    }
    try (BlockDevice open = FileDevice.open(disk, new DeviceAccess.Exclusive())) {
      ArrayCreation.plan(
              new ArrayCreation.Request(
                  "host:m",
                  List.of(open),
                  List.of(),
                  List.of(),
                  BitmapKind.INTERNAL,
                  1,
                  "",
                  64 << 10,
                  0,
                  true,
                  false),
              Env.system())
          .write();
      device =
          ((SuperblockRead.Valid) MemberMetadata.read(open).superblock()).superblock().deviceUuid();
    }
  }

  private Announcements looking(Path... patterns) {
    return new Announcements(
        Disks.DEFAULT,
        new DiskSearch(
            List.of(patterns).stream().map(Path::toString).toList(), Disks.DEFAULT, Env.system()),
        events,
        Env.system());
  }

  private DiskFinder.Announcement announcement(Object name) {
    return new DiskFinder.Announcement("m", device, name.toString());
  }

  private DiskFinder.Result find(Announcements in, Object name) throws IOException {
    DiskFinder.Result result =
        in.find(
            announcement(name),
            path -> {
              opened.add(path);
              return FileDevice.open(Path.of(path), new DeviceAccess.ReadOnly());
            });
    if (result instanceof DiskFinder.Found(var found)) {
      found.close();
    }
    return result;
  }

  @Test
  void aDiskIsFoundUnderTheNameItHasOnTheOtherNode() throws IOException {
    assertThat(find(looking(), disk)).isInstanceOf(DiskFinder.Found.class);
    assertThat(opened).containsExactly(disk.toString());
  }

  @Test
  void aDiskIsFoundUnderAnotherNameAmongThoseTheNodeLooksAt() throws IOException {
    assertThat(find(looking(directory.resolve("*.img")), "/dev/elsewhere"))
        .isInstanceOf(DiskFinder.Found.class);
    assertThat(opened).containsExactly(disk.toString());
  }

  @Test
  void anotherDiskOfThatNameIsNotTaken() throws IOException {
    Path other = directory.resolve("other.img");
    Files.write(other, new byte[1 << 20]);
    assertThat(find(looking(), other)).isEqualTo(new DiskFinder.NotFound());
    assertThat(find(looking(), "nbd://[")).isEqualTo(new DiskFinder.NotFound());
    assertThat(opened).isEmpty();
  }

  @Test
  void aDiskThatIsNotFoundIsToldOnceAndTakenWhereSomebodySaysItIs() throws Exception {
    Announcements node = looking();
    try (EventFeed.Subscription told = events.subscribe()) {
      assertThat(find(node, "/dev/elsewhere")).isEqualTo(new DiskFinder.NotFound());
      assertThat(find(node, "/dev/elsewhere")).isEqualTo(new DiskFinder.NotFound());
      NodeEvent event = told.next(0).orElseThrow();
      assertThat(event.event()).isEqualTo("disk-announced");
      assertThat(event.array()).isEqualTo("m");
      assertThat(event.disk()).contains("/dev/elsewhere");
      assertThat(event.message()).contains(MdUuid.format(device));
      assertThat(told.next(0)).isEmpty();
    }
    assertThat(node.searched("m"))
        .singleElement()
        .satisfies(searched -> assertThat(searched.name()).isEqualTo("/dev/elsewhere"))
        .satisfies(searched -> assertThat(searched.deviceUuid()).isEqualTo(MdUuid.format(device)));
    assertThat(node.searched("other")).isEmpty();
    node.confirm("m", disk.toString());
    assertThat(find(node, "/dev/elsewhere")).isInstanceOf(DiskFinder.Found.class);
    assertThat(opened).containsExactly(disk.toString());
    assertThat(node.searched("m")).isEmpty();
  }

  @Test
  void aConfirmationOfAnotherDiskIsRefused() throws IOException {
    Announcements node = looking();
    device = UUID.randomUUID();
    var _ = find(node, "/dev/elsewhere");
    assertThatThrownBy(() -> node.confirm("m", disk.toString()))
        .hasMessageContaining(MdUuid.format(device))
        .hasMessageContaining("/dev/elsewhere");
    Path empty = directory.resolve("empty");
    Files.write(empty, new byte[1 << 20]);
    assertThatThrownBy(() -> node.confirm("m", empty.toString()))
        .hasMessageContaining("no superblock");
    assertThat(find(node, "/dev/elsewhere")).isEqualTo(new DiskFinder.NotFound());
  }

  @Test
  void whatNobodyAddsIsNotConfirmed() throws IOException {
    Announcements node = looking();
    assertThatThrownBy(() -> node.confirm("m", disk.toString()))
        .hasMessageContaining("no node is adding a disk to m");
    assertThatThrownBy(() -> node.missing("m")).hasMessageContaining("no node is adding");
    assertThat(find(node, disk)).isInstanceOf(DiskFinder.Found.class);
    assertThatThrownBy(() -> node.missing("m")).hasMessageContaining("no node is adding");
  }

  @Test
  void aDiskThatIsSaidToBeMissingMakesTheOtherNodeGiveUpOnce() throws IOException {
    Announcements node = looking();
    var _ = find(node, "/dev/elsewhere");
    node.missing("m");
    assertThat(find(node, "/dev/elsewhere")).isEqualTo(new DiskFinder.Missing());
    assertThat(find(node, "/dev/elsewhere")).isEqualTo(new DiskFinder.NotFound());
  }
}
