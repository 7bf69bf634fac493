package io.mirrorctl.dlm.member;

import com.google.common.base.Ticker;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The signs of life of the members, as this node sees them: when each renewed its lease for the
 * last time, and which can renew no more, because their session is over or they were ejected.
 *
 * <p>A renewal was sent before its change is told here; and one that this node may have missed was
 * sent before this node was connected (again). So a lease is over, by any clock that keeps time,
 * its length after {@link #sinceRenewal} began.
 *
 * <p>Threading: the loop.
 */
final class Peers {
  private static final class Track {
    private long seenNanos;
    private int renewals;
    private boolean gone;
    private Optional<String> poison = Optional.empty();
  }

  private final Store store;
  private final OwnLoop loop;
  private final Ticker ticker;
  private final Runnable changed;
  private final Map<Incarnation, Track> tracks = new HashMap<>();

  /**
   * @param changed told when somebody is found to be away, or to live
   */
  Peers(Store store, OwnLoop loop, Ticker ticker, Runnable changed) {
    this.store = store;
    this.loop = loop;
    this.ticker = ticker;
    this.changed = changed;
  }

  /** Looks after the members of this view from now on. */
  void follow(View view) {
    tracks.entrySet().removeIf(e -> e.getValue().gone && view.member(e.getKey()).isEmpty());
    for (Incarnation id : view.active()) {
      if (!tracks.containsKey(id)) {
        track(id);
        look(id);
      }
    }
  }

  /** Everything that happened while the connection was lost has been missed. */
  void reconnected(View view) {
    tracks.clear();
    follow(view);
  }

  void told(Change change) {
    Paths.below(Paths.LEASES, change.path()).ifPresent(id -> leaseTold(id, change.kind()));
    Paths.below(Paths.NODES, change.path()).ifPresent(id -> nodeTold(id, change.kind()));
  }

  private void leaseTold(Incarnation id, Change.Kind kind) {
    Track track = track(id);
    switch (kind) {
      case CREATED -> track.seenNanos = ticker.read();
      case CHANGED -> {
        track.seenNanos = ticker.read();
        if (track.renewals++ == 0) {
          changed.run();
        }
      }
      case DELETED -> gone(track);
    }
  }

  private void nodeTold(Incarnation id, Change.Kind kind) {
    switch (kind) {
      case CREATED -> {}
      case CHANGED -> look(id);
      case DELETED -> gone(track(id));
    }
  }

  private Track track(Incarnation id) {
    return tracks.computeIfAbsent(
        id,
        _ -> {
          Track track = new Track();
          track.seenNanos = ticker.read();
          return track;
        });
  }

  private void gone(Track track) {
    if (!track.gone) {
      track.gone = true;
      changed.run();
    }
  }

  private void look(Incarnation id) {
    loop.when(
        store.read(Paths.node(id)),
        (entry, failure) -> {
          if (failure == null) {
            found(id, entry);
          }
        });
  }

  private void found(Incarnation id, Optional<Entry> entry) {
    Track track = track(id);
    if (entry.isEmpty()) {
      gone(track);
      return;
    }
    Optional<String> poison = poison(Paths.node(id), entry.get());
    if (poison.isPresent() && track.poison.isEmpty()) {
      track.poison = poison;
      changed.run();
    }
  }

  /**
   * Why the entry's owner was ejected, if it was. An entry that cannot be read is a poisoned one.
   */
  static Optional<String> poison(String path, Entry entry) {
    if (entry.version() == 0) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          MemberRecord.decode(path, entry.data()).poison().orElse("its entry was changed"));
    } catch (UnreadableRecordException e) {
      return Optional.of(e.getMessage());
    }
  }

  /** Whether it can renew its lease no more. */
  boolean isAway(Incarnation id) {
    Track track = tracks.get(id);
    return track != null && (track.gone || track.poison.isPresent());
  }

  /** Whether its session is over. */
  boolean isGone(Incarnation id) {
    Track track = tracks.get(id);
    return track != null && track.gone;
  }

  Optional<String> poison(Incarnation id) {
    return Optional.ofNullable(tracks.get(id)).flatMap(track -> track.poison);
  }

  /** Whether this node has seen it renew its lease, in this connection. */
  boolean hasRenewed(Incarnation id) {
    Track track = tracks.get(id);
    return track != null && track.renewals > 0;
  }

  /** Since its last renewal was seen, or one could have been missed. */
  Duration sinceRenewal(Incarnation id) {
    return sinceRenewal(id, ticker.read());
  }

  /** The same at an earlier moment; negative if it has renewed since. */
  Duration sinceRenewal(Incarnation id, long nanos) {
    Track track = tracks.get(id);
    return track == null ? Duration.ZERO : Duration.ofNanos(nanos - track.seenNanos);
  }
}
