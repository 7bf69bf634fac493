package io.mirrorctl.core.array;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimOwner;
import io.mirrorctl.core.format.ClaimRead;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Tells on the members themselves who has the array in use, for those whom the cluster does not
 * reach: nodes of another ensemble, and nodes that have the array for themselves
 * (docs/formats/claim.md; decision D4).
 *
 * <p>A claim that cannot be written is no reason to fail a member: it protects from an operator's
 * mistake, and not the array's data from a failing disk.
 *
 * <p>Threading: {@link #take}, {@link #begin} and {@link #release} one after the other, the rest at
 * any time.
 */
final class Claims {
  private static final System.Logger LOG = System.getLogger(Claims.class.getName());

  /** How often a node says that it lives. */
  static final int INTERVAL_MILLIS = 2000;

  /** As long as a member's time-out: what hangs longer is not waited for. */
  private static final Duration LAST_BEATS = Duration.ofSeconds(30);

  private final Supplier<List<Leg>> legs;
  private final Function<Member, Optional<ClaimArea>> areas;
  private final UUID array;
  private final int slot;
  private final ClusterPort.Claimant claimant;
  private final ClaimOwner owner;
  private final Env env;
  private final ClaimWatch watch;
  private final AtomicLong counter = new AtomicLong();

  /** Members that carry this node's block: who overwrites it there takes the array away. */
  private final Set<Member> marked = ConcurrentHashMap.newKeySet();

  private final Set<Member> failing = ConcurrentHashMap.newKeySet();

  /** Guarded by this. */
  private final List<CompletableFuture<Void>> underWay = new ArrayList<>();

  private final Set<Member> busy = ConcurrentHashMap.newKeySet();
  private ScheduledFuture<?> ticks;
  private boolean ended;
  private boolean taken;
  private volatile boolean overruled;

  /** Where the blocks of a member are. */
  private record Place(Leg leg, ClaimArea area) {
    Member member() {
      return leg.member();
    }

    List<ClaimRead> read() throws IOException {
      return area.read(member().device());
    }

    void write(ClaimBlock block, Set<WriteOption> options) throws IOException {
      area.write(member().device(), block, options);
    }
  }

  /** A claim of somebody else. */
  private record Found(Place place, int slot, ClaimRead read, ClaimWatch.Sight sight) {}

  /**
   * @param legs the members as they are now
   * @param areas where the blocks are on a member; empty if it has no room
   * @param claimant told once, with the reason, when somebody else has the array too: nothing may
   *     be written from then on
   */
  Claims(
      Supplier<List<Leg>> legs,
      Function<Member, Optional<ClaimArea>> areas,
      UUID array,
      int slot,
      ClusterPort.Claimant claimant,
      Env env) {
    this.legs = legs;
    this.areas = areas;
    this.array = array;
    this.slot = slot;
    this.claimant = claimant;
    this.owner = claimant.owner();
    this.env = env;
    this.watch = new ClaimWatch(array, owner, env::millis);
  }

  /** Whether somebody else has taken the array: its members must be left as they are. */
  boolean isOverruled() {
    return overruled;
  }

  /**
   * Looks whether somebody else has the array in use, and writes durably on all members that this
   * node has: before it writes anything else.
   *
   * @param alone no other node of the own ensemble has it in use, so what else its claims say is
   *     left from nodes that died
   * @param force to take it from somebody who gives no sign of life
   * @return what is worth saying about it
   * @throws ArrayException if it is not this node's to take; nothing was changed
   */
  List<String> take(boolean alone, boolean force) throws IOException {
    List<Place> places = places();
    if (places.stream().noneMatch(place -> place.leg().receives())) {
      return List.of(
          "its members have no room to tell who uses them: a node that does not reach this"
              + " cluster's ZooKeeper is not kept from using them too");
    }
    List<String> notices = new ArrayList<>();
    for (Found silent : foreign(places)) {
      if (!silent.place().leg().receives()) {
        continue; // it holds nothing of the array, and what it tells may be long past
      }
      if (alone && !force) {
        throw ArrayException.refused(silenceText(silent));
      }
      notices.add("taken from %s, of whom there is no sign of life".formatted(who(silent)));
    }
    Optional<Found> other = rival(look(places));
    if (other.isEmpty()) {
      taken = true;
      other = mark(places, alone);
      if (other.isEmpty()) {
        other = rival(look(places));
      }
    }
    if (other.isPresent()) {
      release();
      throw ArrayException.refused(livingText(other.get()));
    }
    return notices;
  }

  /** Who came at the same time; each of the two sees the other. */
  private static Optional<Found> rival(List<Found> found) {
    return found.stream()
        .filter(one -> !one.place().leg().isFaulty())
        .filter(one -> one.sight() != ClaimWatch.Sight.SILENT)
        .findFirst();
  }

  /** Other ensembles' claims, once it is known that their owners are silent. */
  private List<Found> foreign(List<Place> places) throws IOException {
    while (true) {
      List<Found> found = look(places);
      for (Found one : found) {
        if (one.sight() == ClaimWatch.Sight.LIVING) {
          throw ArrayException.refused(livingText(one));
        }
      }
      if (found.stream().allMatch(one -> one.sight() == ClaimWatch.Sight.SILENT)) {
        return found;
      }
      ClaimWatch.rest(env, "somebody else has the array in use");
    }
  }

  private List<Found> look(List<Place> places) throws IOException {
    List<Found> found = new ArrayList<>();
    IOException failure = null;
    boolean looked = false;
    for (Place place : places) {
      try {
        List<ClaimRead> reads = place.read();
        found.addAll(foreign(place, reads));
        looked |= !place.leg().isFaulty();
      } catch (IOException e) {
        failure = e;
      }
    }
    if (!looked && failure != null) {
      throw failure;
    }
    return found;
  }

  private List<Found> foreign(Place place, List<ClaimRead> reads) {
    List<Found> found = new ArrayList<>();
    List<ClaimWatch.Sight> sights = watch.look(place.member().uuid(), reads);
    for (int number = 0; number < reads.size(); number++) {
      if (sights.get(number) != ClaimWatch.Sight.NOTHING) {
        found.add(new Found(place, number, reads.get(number), sights.get(number)));
      }
    }
    return found;
  }

  /**
   * Writes this node's block, and over those of nodes that are gone; stops at one of somebody else
   * that was not there when this node looked, and returns it.
   */
  private Optional<Found> mark(List<Place> places, boolean alone) throws IOException {
    IOException failure = null;
    boolean done = false;
    for (Place place : places) {
      if (!place.leg().receives()) { // what hangs there must keep nobody waiting
        continue;
      }
      try {
        List<ClaimRead> reads = place.read();
        Optional<Found> came = rival(foreign(place, reads));
        if (came.isPresent()) {
          return came;
        }
        for (int number = 0; number < reads.size(); number++) {
          ClaimRead read = reads.get(number);
          boolean gone = watch.isForeign(read) || (alone && watch.isHeldByOwn(read));
          if (gone && number != slot) {
            place.write(block(number, ClaimBlock.State.RELEASED), WriteOption.NONE);
          }
        }
        place.write(block(slot, ClaimBlock.State.HELD), WriteOption.NONE);
        place.member().flush();
        marked.add(place.member());
        done = true;
      } catch (IOException e) {
        failure = e;
        failed(place, e);
      }
    }
    if (!done) {
      throw failure;
    }
    return Optional.empty();
  }

  /** Says from now on that this node lives, and looks whether somebody else comes. */
  void begin() {
    ticks = env.repeat("tell that this node lives", Duration.ofMillis(INTERVAL_MILLIS), this::beat);
  }

  /** A member that hangs keeps no other one waiting. */
  private void beat() {
    long _ = counter.incrementAndGet();
    for (Place place : places()) {
      if (place.leg().isFaulty()) {
        marked.remove(place.member()); // what is done to it meanwhile is not this array's affair
      } else if (place.leg().receives() && busy.add(place.member())) {
        start(place);
      }
    }
  }

  private synchronized void start(Place place) {
    underWay.removeIf(CompletableFuture::isDone);
    if (ended) {
      busy.remove(place.member());
      return;
    }
    try {
      underWay.add(CompletableFuture.runAsync(() -> beat(place), env.io()));
    } catch (RejectedExecutionException | OutOfMemoryError noThread) {
      busy.remove(place.member());
    }
  }

  private void beat(Place place) {
    try {
      List<ClaimRead> reads = place.read();
      ClaimRead own = reads.get(slot);
      List<Found> others = foreign(place, reads);
      if (watch.isForeign(own) && marked.contains(place.member())) {
        overrule("%s says: taken by %s".formatted(place.member(), ClaimWatch.who(own)));
        return;
      }
      boolean unknown = false;
      for (Found other : others) {
        switch (other.sight()) {
          case LIVING -> {
            overrule(livingText(other));
            return;
          }
          case SILENT -> tidy(other);
          case UNKNOWN, NOTHING -> unknown |= other.slot() == slot;
        }
      }
      if (!unknown) { // else a member that came in only now, with what was on it
        place.write(block(slot, ClaimBlock.State.HELD), WriteOption.NONE);
        marked.add(place.member());
      }
      failing.remove(place.member());
    } catch (IOException e) {
      failed(place, e);
    } finally {
      busy.remove(place.member());
    }
  }

  private void tidy(Found other) throws IOException {
    LOG.log(
        Level.INFO,
        "{0}: the claim of {1} on it is left from before",
        other.place().member(),
        who(other));
    if (other.slot() != slot) {
      other.place().write(block(other.slot(), ClaimBlock.State.RELEASED), WriteOption.NONE);
    }
  }

  private void overrule(String reason) {
    synchronized (this) {
      if (ended || overruled) {
        return;
      }
      overruled = true;
    }
    LOG.log(Level.ERROR, "array {0}: {1}", array, reason);
    claimant.overruled(reason);
  }

  private void failed(Place place, IOException e) {
    boolean over = DeviceException.kindOf(e) == IoFailure.CLOSED; // so is the node's part in it
    if (!over && failing.add(place.member())) {
      LOG.log(
          Level.WARNING,
          "{0}: who uses the array cannot be told there: {1}",
          place.member(),
          e.getMessage());
    }
  }

  /** The node of this slot is dead, and nothing that it wrote counts any more. */
  void adopted(int dead) {
    for (Place place : places()) {
      if (place.leg().receives() && taken && !overruled) {
        try {
          place.write(block(dead, ClaimBlock.State.RELEASED), WriteOption.NONE);
        } catch (IOException e) {
          failed(place, e);
        }
      }
    }
  }

  /** This node writes nothing more to the array but this: that it does not. */
  void release() {
    List<CompletableFuture<Void>> last;
    synchronized (this) {
      ended = true;
      last = List.copyOf(underWay);
    }
    if (ticks != null) {
      ticks.cancel(false);
    }
    CompletableFuture<Void> all =
        CompletableFuture.allOf(last.toArray(CompletableFuture<?>[]::new));
    Future<?> limit =
        env.timer()
            .schedule(() -> all.complete(null), LAST_BEATS.toMillis(), TimeUnit.MILLISECONDS);
    all.join();
    limit.cancel(false);
    if (!taken || overruled) {
      return;
    }
    taken = false;
    for (Place place : places()) {
      boolean hangs = busy.contains(place.member());
      if (marked.contains(place.member()) && place.leg().receives() && !hangs) {
        try {
          place.write(block(slot, ClaimBlock.State.RELEASED), WriteOption.ONLY_DURABLE);
        } catch (IOException e) {
          failed(place, e);
        }
      }
    }
  }

  private List<Place> places() {
    List<Place> places = new ArrayList<>();
    for (Leg leg : legs.get()) {
      if (ClaimArea.fits(leg.member().device())) {
        areas
            .apply(leg.member())
            .filter(area -> slot < area.slots())
            .ifPresent(area -> places.add(new Place(leg, area)));
      }
    }
    return places;
  }

  private ClaimBlock block(int of, ClaimBlock.State state) {
    return new ClaimBlock(
        array,
        of,
        owner,
        state,
        claimant.epoch(),
        INTERVAL_MILLIS,
        counter.get(),
        env.wallClock().millis());
  }

  private static String who(Found found) {
    return ClaimWatch.who(found.read());
  }

  private String livingText(Found found) {
    boolean otherEnsemble =
        ClaimWatch.block(found.read()).filter(b -> b.owner().cluster().isEmpty()).isEmpty();
    return "%s is in use by %s%s, which says so on the disk as we look; stop it there first, --force does not help"
        .formatted(
            found.place().member(),
            who(found),
            otherEnsemble ? ", through another ZooKeeper ensemble than this node's" : "");
  }

  private static String silenceText(Found found) {
    String last =
        ClaimWatch.block(found.read())
            .map(block -> ", last at %s by its clock".formatted(time(block)))
            .orElse("");
    return ("%s says that it is in use by %s, not through this node's ZooKeeper ensemble; it was not"
            + " renewed for %d s while we looked%s. --force takes the array, which destroys data if"
            + " that one is only paused or cut off from the disks and comes back")
        .formatted(
            found.place().member(),
            who(found),
            TimeUnit.MILLISECONDS.toSeconds(ClaimWatch.patience(found.read())),
            last);
  }

  private static Instant time(ClaimBlock block) {
    return Instant.ofEpochSecond(block.writtenMillis() / 1000);
  }
}
