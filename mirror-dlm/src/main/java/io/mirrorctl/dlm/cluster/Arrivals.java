package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.IoLease;
import io.mirrorctl.core.block.LeasedDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.message.Answer;
import io.mirrorctl.dlm.message.ClusterMessage.NewDisk;
import java.io.IOException;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Disks that come into an array that this node has in use: they are used under its lease, and
 * refuse who is dead before they are used at all. Threading: any thread but the loop's; blocks.
 */
final class Arrivals {
  private static final Logger LOG = LoggerFactory.getLogger(Arrivals.class);

  /** As long as the whole array waits for a search. */
  private static final Duration LIMIT = Duration.ofSeconds(1);

  /** As long as somebody may ask again for what a search has found. */
  private static final Duration KEPT = Duration.ofMinutes(1);

  private final String array;
  private final Env env;
  private final IoLease lease;
  private final DiskFinder finder;

  /** Searches that took too long, by what they look for. */
  private final ConcurrentMap<UUID, CompletableFuture<DiskFinder.Result>> underWay =
      new ConcurrentHashMap<>();

  private volatile ArrayFence fence;

  /**
   * @param array its name on this node
   */
  Arrivals(String array, IoLease lease, DiskFinder finder, Env env) {
    this.array = array;
    this.env = env;
    this.lease = lease;
    this.finder = finder;
  }

  /** Before the first disk comes. */
  void fencedBy(ArrayFence guard) {
    fence = guard;
  }

  /** The disk under the lease; one that is closed is not told of the dead any more. */
  LeasedDevice leased(BlockDevice disk) {
    return new LeasedDevice(
        disk,
        lease,
        closed -> {
          if (fence != null) {
            fence.dismiss(closed);
          }
        });
  }

  /** What is done with a disk; it is the array's when this returns. */
  interface Taker {
    void take(LeasedDevice disk) throws IOException;
  }

  /** Hands a disk over; if the taker throws it is the caller's as before. */
  void admit(BlockDevice disk, Taker taker) throws IOException {
    LeasedDevice leased = leased(disk);
    fence.admit(leased);
    boolean taken = false;
    try {
      taker.take(leased);
      taken = true;
    } finally {
      if (!taken) {
        fence.dismiss(leased);
      }
    }
  }

  /** The answer to who is about to make this disk a member. */
  Answer find(ArrayControl control, UUID device, int number, String disk) {
    try {
      if (control.reach(number, device)) {
        return new Answer.Accepted();
      }
      return switch (search(new DiskFinder.Announcement(array, device, disk))) {
        case DiskFinder.Found(var found) -> {
          attach(control, device, number, found);
          yield new Answer.Accepted();
        }
        case DiskFinder.NotFound() -> Answer.refused(NewDisk.NOT_FOUND);
        case DiskFinder.Missing() -> Answer.refused("the disk is missing there");
      };
    } catch (IOException e) {
      LOG.warn("{}: member {} cannot come in: {}", array, number, e.getMessage());
      return Answer.refused("cannot use member " + number);
    }
  }

  /**
   * All nodes wait meanwhile, and not for long: a search that takes longer goes on, and who asks
   * again gets what it has found.
   */
  private DiskFinder.Result search(DiskFinder.Announcement announcement) throws IOException {
    UUID device = announcement.device();
    CompletableFuture<DiskFinder.Result> search =
        underWay.computeIfAbsent(device, _ -> begin(announcement));
    CompletableFuture<DiskFinder.Result> inTime = search.copy();
    Future<?> end = later(LIMIT, () -> inTime.complete(new DiskFinder.NotFound()));
    DiskFinder.Result found;
    try {
      found = Await.done(inTime, "looking for " + announcement.disk());
    } finally {
      end.cancel(false);
      if (search.isCompletedExceptionally()) {
        underWay.remove(device, search);
      }
    }
    if (search.isDone()) { // whoever takes it out has what it found
      return underWay.remove(device, search)
          ? Await.done(search, "looking for " + announcement.disk())
          : new DiskFinder.NotFound();
    }
    Future<?> _ = later(KEPT, () -> env.ioOrHere().execute(() -> drop(device, search)));
    return found;
  }

  private CompletableFuture<DiskFinder.Result> begin(DiskFinder.Announcement announcement) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return finder.find(announcement);
          } catch (IOException e) {
            throw new CompletionException(e);
          }
        },
        env.io());
  }

  private Future<?> later(Duration delay, Runnable task) {
    return env.timer().schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Nobody has asked again. */
  private void drop(UUID device, CompletableFuture<DiskFinder.Result> search) {
    if (underWay.remove(device, search)) {
      var _ = search.thenAccept(this::close);
    }
  }

  private void close(DiskFinder.Result late) {
    if (late instanceof DiskFinder.Found(var found)) {
      try {
        found.close();
      } catch (IOException e) {
        LOG.info("{}: closing {}: {}", array, found.name(), e.getMessage());
      }
    }
  }

  private void attach(ArrayControl control, UUID device, int number, BlockDevice found)
      throws IOException {
    boolean attached = false;
    try {
      admit(found, leased -> control.attach(number, device, leased));
      attached = true;
    } finally {
      if (!attached) {
        found.close();
      }
    }
  }
}
