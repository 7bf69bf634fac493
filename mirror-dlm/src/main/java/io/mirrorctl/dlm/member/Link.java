package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.WatchDepth;
import java.util.concurrent.CompletableFuture;

/**
 * A session and what it tells about the cluster: the view, the signs of life of its members, and
 * which deaths are sure. Threading: the loop.
 */
final class Link {

  /** What the node hears, until the link is closed. */
  interface Events {
    void viewChanged(View view);

    void viewBroken(String why);

    /** Somebody is away, or a death is sure. */
    void peersChanged();

    /** After a reconnection, the view and the peers are being looked at again already. */
    void session(SessionEvent event);
  }

  private final Store store;
  private final Events events;
  private final ViewEntry view;
  private final Peers peers;
  private final Deaths deaths;
  private boolean closed;
  private boolean suspended;

  Link(Store store, OwnLoop loop, MemberSettings settings, MemberPorts ports, Events events) {
    this.store = store;
    this.events = events;
    peers = new Peers(store, loop, ports.env().ticker(), this::peersChanged);
    deaths = new Deaths(peers, ports.fence(), loop, settings, this::peersChanged);
    view =
        new ViewEntry(
            store,
            loop,
            new ViewEntry.Listener() {
              @Override
              public void changed(View newer) {
                peers.follow(newer);
                if (!closed) {
                  events.viewChanged(newer);
                }
              }

              @Override
              public void broken(String why) {
                if (!closed) {
                  events.viewBroken(why);
                }
              }
            });
    store.onSession(this::session);
  }

  Store store() {
    return store;
  }

  ViewEntry view() {
    return view;
  }

  Peers peers() {
    return peers;
  }

  Deaths deaths() {
    return deaths;
  }

  /** Whether the servers do not answer at the moment, as far as is known. */
  boolean isSuspended() {
    return suspended;
  }

  /** Complete when no change can be missed any more; the view is read then. */
  CompletableFuture<Void> open() {
    return store
        .watch(Paths.CLUSTER, WatchDepth.SUBTREE, this::told)
        .thenAccept(_ -> view.touched());
  }

  /** Tells nothing any more and ends the session. */
  void close() {
    if (!closed) {
      closed = true;
      deaths.close();
      view.close();
      store.close();
    }
  }

  private void told(Change change) {
    if (closed) {
      return;
    }
    if (change.path().equals(Paths.VIEW)) {
      view.touched();
    } else {
      peers.told(change);
    }
  }

  private void peersChanged() {
    if (!closed) {
      events.peersChanged();
    }
  }

  private void session(SessionEvent event) {
    if (closed) {
      return;
    }
    suspended = event != SessionEvent.RECONNECTED;
    if (event == SessionEvent.RECONNECTED) {
      peers.reconnected(view.view());
      view.touched();
    }
    events.session(event);
  }
}
