package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.List;

/**
 * Renews this node's lease: a put of its lease entry, which stands only while nobody has touched
 * its member entry. One renewal at a time.
 *
 * <p>Threading: the loop.
 */
final class Renewals {

  /** What the node hears. */
  interface Listener {
    /**
     * A renewal was answered: all changes that were committed before it have been told.
     *
     * @param sent when it was sent
     */
    void renewed(Lease.Sent sent);

    /** The lease is over; a renewal may bring it back. */
    void leaseOver();

    /** The member entry has changed, or one of the two entries is gone. */
    void overturned();
  }

  private final Store store;
  private final OwnLoop loop;
  private final Incarnation self;
  private final Lease lease;
  private final Duration interval;
  private final Listener listener;
  private long count;
  private long asked;
  private int version;
  private boolean underWay;
  private boolean stopped;

  Renewals(
      Store store,
      OwnLoop loop,
      Incarnation self,
      Lease lease,
      Duration interval,
      Listener listener) {
    this.store = store;
    this.loop = loop;
    this.self = self;
    this.lease = lease;
    this.interval = interval;
    this.listener = listener;
  }

  /** What the lease entry holds before the first renewal. */
  static Bytes first() {
    return data(0);
  }

  private static Bytes data(long count) {
    return Bytes.utf8("mirrorctl-lease 1\nrenewals " + count + "\n");
  }

  /** Begins, with the commit that created the entry as the first renewal. */
  void start(Lease.Sent created) {
    lease.renewed(created);
    loop.after(interval, this::tick);
    loop.after(lease.remaining(), this::watchEnd);
  }

  void stop() {
    stopped = true;
  }

  /** At once, for instance after the connection was lost. */
  void renew() {
    if (stopped || underWay) {
      return;
    }
    underWay = true;
    asked++;
    Lease.Sent sent = lease.now();
    loop.when(
        store.commit(
            List.of(
                new Op.Check(Paths.node(self), 0),
                new Op.Put(Paths.lease(self), data(count + 1), version))),
        (result, failure) -> answered(sent, result, failure));
  }

  /** Commits asked for. */
  long asked() {
    return asked;
  }

  private void tick() {
    if (!stopped) {
      renew();
      loop.after(interval, this::tick);
    }
  }

  private void watchEnd() {
    if (stopped) {
      return;
    }
    if (!lease.isValid()) {
      listener.leaseOver();
    }
    Duration left = lease.remaining();
    loop.after(left.isPositive() ? left : interval, this::watchEnd);
  }

  private void answered(Lease.Sent sent, CommitResult result, Throwable failure) {
    underWay = false;
    if (stopped) {
      return;
    }
    if (failure instanceof OutcomeUnknownException) {
      findVersion();
      return;
    }
    switch (result) {
      // the session is over, which is told by itself
      case null -> {}
      case CommitResult.Committed _ -> {
        version++;
        count++;
        lease.renewed(sent);
        listener.renewed(sent);
      }
      case CommitResult.Refused(int index, var reason)
          when index == 1 && reason == CommitResult.Reason.OTHER_VERSION ->
          findVersion();
      case CommitResult.Refused _ -> listener.overturned();
    }
  }

  private void findVersion() {
    underWay = true;
    loop.when(
        store.read(Paths.lease(self)),
        (entry, failure) -> {
          underWay = false;
          if (stopped || failure != null) {
            return;
          }
          if (entry.isEmpty()) {
            listener.overturned();
          } else {
            version = entry.get().version();
            renew();
          }
        });
  }
}
