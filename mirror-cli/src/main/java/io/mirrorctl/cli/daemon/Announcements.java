package io.mirrorctl.cli.daemon;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import io.mirrorctl.dlm.cluster.DiskFinder;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/**
 * Disks that other nodes are adding to arrays of this one, and that it is to find: where somebody
 * here says they are, under the name the other node uses, or among the paths this node looks at.
 * Their device UUID decides. Who adds asks again and again, so what is not asked about any more is
 * over.
 *
 * <p>Threading: any thread.
 */
final class Announcements {
  /** Several times as long as an adder waits before it asks again. */
  private static final long STALE_MILLIS = Duration.ofSeconds(10).toMillis();

  private final Disks disks;
  private final DiskSearch search;
  private final EventFeed events;
  private final Env env;

  /** Guarded by this. */
  private final List<Announced> waiting = new ArrayList<>();

  /** What is known of a disk; guarded by the outer class. */
  private static final class Announced {
    private final String array;
    private final UUID device;
    private final String disk;
    private Optional<String> place = Optional.empty();
    private boolean missing;
    private long askedMillis;
    private final long sinceMillis;

    private Announced(DiskFinder.Announcement of, long now) {
      sinceMillis = now;
      array = of.array();
      device = of.device();
      disk = of.disk();
    }

    private boolean isOf(DiskFinder.Announcement other) {
      return array.equals(other.array()) && device.equals(other.device());
    }
  }

  Announcements(Disks disks, DiskSearch search, EventFeed events, Env env) {
    this.disks = disks;
    this.search = search;
    this.events = events;
    this.env = env;
  }

  /** Disks that other nodes are adding to an array, and that were not found here yet. */
  synchronized List<WaitSources.Searched> searched(String array) {
    dropStale();
    return waiting.stream()
        .filter(one -> one.array.equals(array))
        .map(one ->
            new WaitSources.Searched(
                one.disk, MdUuid.format(one.device), env.millis() - one.sinceMillis))
        .toList();
  }

  /** Looks for a disk on behalf of an array. */
  DiskFinder.Result find(DiskFinder.Announcement announcement, OpenDisks.Opener opener)
      throws IOException {
    Optional<String> said;
    synchronized (this) {
      Announced known = known(announcement);
      if (known.missing) {
        waiting.remove(known);
        return new DiskFinder.Missing();
      }
      said = known.place;
    }
    Optional<String> place =
        said.or(() -> sameName(announcement)).or(() -> search.find(announcement.device()));
    if (place.isEmpty()) {
      return new DiskFinder.NotFound();
    }
    BlockDevice found = opener.open(place.get());
    synchronized (this) {
      waiting.removeIf(one -> one.isOf(announcement));
    }
    return new DiskFinder.Found(found);
  }

  /** Lock held. The first time it is told. */
  private Announced known(DiskFinder.Announcement announcement) {
    dropStale();
    Announced known =
        waiting.stream()
            .filter(one -> one.isOf(announcement))
            .findFirst()
            .orElseGet(() -> begin(announcement));
    known.askedMillis = env.millis();
    return known;
  }

  private Announced begin(DiskFinder.Announcement announcement) {
    var begun = new Announced(announcement, env.millis());
    waiting.add(begun);
    events.tell(
        NodeEvent.diskAnnounced(
            env.wallClock().instant(),
            announcement.array(),
            announcement.disk(),
            announcement.device()));
    return begun;
  }

  private Optional<String> sameName(DiskFinder.Announcement announcement) {
    String name;
    try {
      name = Disks.name(announcement.disk());
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    return uuid(name).filter(announcement.device()::equals).map(_ -> name);
  }

  /** What the superblock of a disk says, if it can be read. */
  private Optional<UUID> uuid(String disk) {
    try (BlockDevice device = disks.open(disk, new DeviceAccess.ReadOnly())) {
      return MemberMetadata.read(device).superblock() instanceof SuperblockRead.Valid(Superblock s)
          ? Optional.of(s.deviceUuid())
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /**
   * Somebody says where the disk is that is being added to an array.
   *
   * @throws ArrayException if none is, or that is another disk
   */
  void confirm(String array, String disk) throws ArrayException {
    UUID found =
        uuid(disk)
            .orElseThrow(() ->
                ArrayException.failed(
                    "%s has no superblock that can be read here, so it is not the disk that is being added to %s"
                        .formatted(disk, array)));
    synchronized (this) {
      List<Announced> of = of(array);
      Announced announced =
          of.stream()
              .filter(one -> one.device.equals(found))
              .findFirst()
              .orElseThrow(() ->
                  ArrayException.failed(
                      "%s has the device UUID %s; being added to %s is %s"
                          .formatted(
                              disk,
                              MdUuid.format(found),
                              array,
                              of.stream()
                                  .map(one ->
                                      "%s (%s)".formatted(MdUuid.format(one.device), one.disk))
                                  .toList())));
      announced.place = Optional.of(disk);
    }
  }

  /**
   * Somebody says that the disk is not here, and will not be.
   *
   * @throws ArrayException if none is being added to the array
   */
  synchronized void missing(String array) throws ArrayException {
    of(array).forEach(one -> one.missing = true);
  }

  /** Lock held. */
  private ImmutableList<Announced> of(String array) throws ArrayException {
    dropStale();
    ImmutableList<Announced> found =
        waiting.stream().filter(one -> Objects.equals(one.array, array)).collect(toImmutableList());
    if (found.isEmpty()) {
      throw ArrayException.failed(
          "no node is adding a disk to %s that this one has not found".formatted(array));
    }
    return found;
  }

  /** Lock held. */
  private void dropStale() {
    long now = env.millis();
    waiting.removeIf(one -> now - one.askedMillis > STALE_MILLIS);
  }
}
