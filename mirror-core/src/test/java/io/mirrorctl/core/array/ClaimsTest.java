package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.ArrayRig.bytes;
import static io.mirrorctl.core.array.ArrayRig.createArray;
import static io.mirrorctl.core.array.ArrayRig.disks;
import static io.mirrorctl.core.array.ArrayRig.read;
import static io.mirrorctl.core.array.ArrayRig.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimRead;
import io.mirrorctl.core.format.MemberMetadata;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two hosts that reach the same disks, and each of which has the array for itself. */
class ClaimsTest {
  private static final ArrayOptions FORCE = ArrayOptions.DEFAULT.withForce(true);

  /** The data begin at 1 MiB, and four blocks lie before them. */
  private static final long SLOT_0 = (1 << 20) - 4 * 4096;

  private List<SimDisk> disks;

  @BeforeEach
  void create() throws IOException {
    disks = disks(2);
    createArray(BitmapKind.CLUSTERED, disks);
    disks.forEach(SimDisk::clearLog);
  }

  /** A host's way to the disks. */
  private static final class Host {
    private final List<NodeDisk> ways = new ArrayList<>();
    private final List<ArrayEvent> events = new CopyOnWriteArrayList<>();
    private final AtomicInteger changes = new AtomicInteger();

    Host(List<SimDisk> disks) {
      var inFlight = new AtomicInteger();
      disks.forEach(disk -> ways.add(new NodeDisk(disk, new TestLease(), inFlight)));
      goOn();
    }

    LocalMirror assemble(String name) throws IOException {
      LocalMirror mirror = LocalMirror.assemble("test", ways, FORCE.claimedBy(name), Env.system());
      mirror.array().listen(events::add);
      return mirror;
    }

    /** From now on it does no I/O, until {@link #goOn}: it is paused. */
    void pause() {
      ways.forEach(way ->
          way.hook(_ -> {
            throw new DeviceException(IoFailure.OTHER, "paused");
          }));
    }

    void goOn() {
      ways.forEach(way ->
          way.hook(operation -> {
            if (operation.kind() != SimOperation.Kind.READ) {
              changes.incrementAndGet();
            }
          }));
    }
  }

  private static ClaimArea area(SimDisk disk) throws IOException {
    return MemberMetadata.read(disk).claimArea().orElseThrow();
  }

  private ClaimBlock claim(int disk, int slot) throws IOException {
    SimDisk device = disks.get(disk);
    return ((ClaimRead.Valid) area(device).read(device).get(slot)).block();
  }

  private long writes() {
    return disks.stream().mapToLong(disk -> disk.count(SimOperation.Kind.WRITE)).sum();
  }

  @Test
  void theFirstThingWrittenIsThatTheArrayIsInUseAndTheLastThatItIsNot() throws IOException {
    try (LocalMirror mirror = new Host(disks).assemble("one")) {
      write(mirror, 0, 1, 4096);
      assertThat(claim(0, 0).isHeld()).isTrue();
      assertThat(claim(1, 0).owner().node()).isEqualTo("one");
    }
    for (SimDisk disk : disks) {
      List<SimOperation> changes =
          disk.log().stream()
              .map(SimOperation.Logged::operation)
              .filter(o -> o.kind() == SimOperation.Kind.WRITE)
              .toList();
      assertThat(changes.getFirst().touches(area(disk).range())).isTrue();
      assertThat(changes.getLast().touches(area(disk).range())).isTrue();
    }
    assertThat(claim(0, 0).isHeld()).isFalse();
    assertThat(claim(1, 0).isHeld()).isFalse();
    try (LocalMirror again = new Host(disks).assemble("two")) {
      assertThat(again.array().notices()).isEmpty();
    }
  }

  @Test
  void itIsDurableOnAllMembersBeforeAnythingElseIsWritten() throws IOException {
    var early = new AtomicBoolean();
    for (SimDisk disk : disks) {
      ClaimArea area = area(disk);
      disk.hook(operation -> {
        boolean other =
            operation.kind() == SimOperation.Kind.WRITE && !operation.touches(area.range());
        if (other && disks.stream().anyMatch(d -> !isHeldDurably(d))) {
          early.set(true);
        }
      });
    }
    new Host(disks).assemble("one").close();
    assertThat(early).isFalse();
  }

  private static boolean isHeldDurably(SimDisk disk) {
    boolean claimed = false;
    for (SimOperation.Logged logged : disk.log()) {
      SimOperation operation = logged.operation();
      if (claimed && operation.kind() == SimOperation.Kind.FLUSH) {
        return true;
      }
      claimed |= operation.kind() == SimOperation.Kind.WRITE && operation.offset() == SLOT_0;
    }
    return false;
  }

  @Test
  void aSecondHostIsRefusedBeforeItsFirstWriteWhileTheFirstLives() throws IOException {
    try (LocalMirror first = new Host(disks).assemble("one")) {
      write(first, 0, 1, 4096);
      var second = new Host(disks);
      assertThatThrownBy(() -> second.assemble("two"))
          .isInstanceOfSatisfying(
              ArrayException.class,
              e -> assertThat(e.reason()).isEqualTo(ArrayException.Reason.PROTECTED))
          .hasMessageContaining("in use by node one, which has it for itself")
          .hasMessageContaining("--force does not help");
      assertThat(second.changes).hasValue(0);
      write(first, 0, 2, 4096);
      assertThat(read(first, 0, 4096)).isEqualTo(bytes(2, 4096));
    }
  }

  @Test
  void disksOfALivingHostAreNotMadeMembersOfANewArray() throws IOException {
    var host = new Host(disks);
    try (LocalMirror _ = host.assemble("one")) {
      assertThatThrownBy(() -> plan())
          .hasMessageContaining("disk0 is in use by node one")
          .hasMessageContaining("stop the array there first");
    }
    assertThat(plan()).isNotNull();
  }

  private ArrayCreation plan() throws IOException {
    return ArrayCreation.plan(
        new ArrayCreation.Request(
            "any:new",
            disks,
            List.of(),
            List.of(),
            BitmapKind.CLUSTERED,
            4,
            "c",
            ArrayRig.CHUNK,
            0,
            true,
            true),
        Env.system());
  }

  @Test
  void whoWasOnlyPausedFindsTheArrayTakenAndWritesNothingMore() throws IOException {
    var host = new Host(disks);
    LocalMirror first = host.assemble("one");
    write(first, 0, 1, 4096);
    host.pause();
    try (LocalMirror second = new Host(disks).assemble("two")) { // --force, and it is silent
      assertThat(second.array().notices())
          .anySatisfy(notice -> assertThat(notice).contains("taken from node one"));
      host.goOn();
      await()
          .atMost(Duration.ofSeconds(30))
          .until(() -> host.events.stream().anyMatch(ArrayEvent.Overruled.class::isInstance));
      assertThatThrownBy(() -> write(first, 0, 3, 4096))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("two");
      assertThatThrownBy(() -> first.array().members().fail("disk1"))
          .isInstanceOf(IOException.class);
      int before = host.changes.get();
      first.close();
      assertThat(host.changes).hasValue(before);
      write(second, 0, 4, 4096);
      assertThat(read(second, 0, 4096)).isEqualTo(bytes(4, 4096));
      assertThat(second.array().status().degraded()).isFalse();
      assertThat(claim(0, 0).owner().node()).isEqualTo("two");
    }
  }

  @Test
  void aMemberThatCannotBeToldIsNotFailedForIt() throws IOException {
    var host = new Host(disks);
    ClaimArea area = area(disks.get(1));
    host.ways
        .get(1)
        .hook(operation -> {
          if (operation.changes(area.range())) {
            throw new DeviceException(IoFailure.MEDIUM, "a bad sector");
          }
        });
    try (LocalMirror mirror = host.assemble("one")) {
      write(mirror, 0, 1, 4096);
      assertThat(claim(0, 0).isHeld()).isTrue();
      assertThat(mirror.array().status().degraded()).isFalse();
    }
    assertThat(claim(0, 0).isHeld()).isFalse();
  }

  @Test
  void aSignOfLifeIsGivenAgainAndAgain() throws IOException {
    try (LocalMirror _ = new Host(disks).assemble("one")) {
      long first = claim(1, 0).counter();
      await()
          .atMost(Duration.ofSeconds(30))
          .untilAsserted(() -> assertThat(claim(1, 0).counter()).isGreaterThan(first + 1));
    }
  }

  @Test
  void aReadOnlyAssemblyTellsNothing() throws IOException {
    LocalMirror.assemble(
            "test", disks, ArrayOptions.DEFAULT.withReadOnly(true).claimedBy("one"), Env.system())
        .close();
    assertThat(writes()).isZero();
  }
}
