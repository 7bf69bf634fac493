package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.SessionLostException;
import io.mirrorctl.dlm.store.Store;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * The view in the store as this node knows it, and the one way to change it: by compare-and-set,
 * one change after the other, each tried again on the newest view until it is done or does not fit
 * any more. A change whose answer was lost is tried again too; it recognises that it was done.
 *
 * <p>Threading: the loop.
 */
final class ViewEntry {

  /**
   * What a change makes of a view.
   *
   * @param next the same view if there is nothing to do
   * @param guards further parts of the commit, before the view's
   * @param answer for the caller, once it is done or there was nothing to do
   */
  record Attempt<R>(View next, List<Op> guards, R answer) {}

  /** What became of a change. */
  sealed interface Outcome<R> {
    record Done<R>(R answer) implements Outcome<R> {}

    /** Nothing was done: this guard did not stand. */
    record Refused<R>(Op guard) implements Outcome<R> {}

    /** The session is over, or this node's part in the cluster. */
    record Over<R>() implements Outcome<R> {}
  }

  /** What the node hears. */
  interface Listener {
    /** There is another view. */
    void changed(View view);

    /** The entry cannot be used. */
    void broken(String why);
  }

  private record Request<R>(
      Function<View, Attempt<R>> change, CompletableFuture<Outcome<R>> outcome) {}

  private final Store store;
  private final OwnLoop loop;
  private final Listener listener;
  private final Deque<Request<?>> requests = new ArrayDeque<>();
  private View view = View.EMPTY;
  private int version;
  private boolean stale = true;
  private boolean busy;
  private boolean closed;

  ViewEntry(Store store, OwnLoop loop, Listener listener) {
    this.store = store;
    this.loop = loop;
    this.listener = listener;
  }

  View view() {
    return view;
  }

  /** Whether nothing that was told so far has changed it since. */
  boolean isFresh() {
    return !stale;
  }

  /** Somebody changed the entry, or may have. */
  void touched() {
    stale = true;
    pump();
  }

  <R> CompletableFuture<Outcome<R>> change(Function<View, Attempt<R>> change) {
    var request = new Request<>(change, new CompletableFuture<Outcome<R>>());
    if (closed) {
      over(request);
    } else {
      requests.add(request);
      pump();
    }
    return request.outcome();
  }

  /** Answers what is under way and everything to come with {@link Outcome.Over}. */
  void close() {
    closed = true;
    List<Request<?>> left = new ArrayList<>(requests);
    requests.clear();
    left.forEach(ViewEntry::over);
  }

  private static <R> void over(Request<R> request) {
    request.outcome().complete(new Outcome.Over<>());
  }

  private void pump() {
    while (!busy) {
      if (closed) {
        return;
      }
      if (stale) {
        busy = true;
        loop.when(store.read(Paths.VIEW), this::answered);
      } else if (requests.isEmpty()) {
        return;
      } else {
        attempt(requests.peek());
      }
    }
  }

  private void answered(Optional<Entry> entry, Throwable failure) {
    busy = false;
    if (closed || failure instanceof SessionLostException) {
      return;
    }
    if (failure != null) {
      broken(failure.getMessage());
    } else if (entry.isEmpty()) {
      broken(Paths.VIEW + " does not exist: somebody has removed the cluster's records");
    } else {
      stale = false;
      try {
        install(ViewCodec.decode(Paths.VIEW, entry.get().data()), entry.get().version());
      } catch (UnreadableRecordException e) {
        broken(e.getMessage());
      }
    }
    pump();
  }

  private void install(View newer, int itsVersion) {
    boolean differs = !newer.equals(view);
    view = newer;
    version = itsVersion;
    if (differs) {
      listener.changed(newer);
    }
  }

  private void broken(String why) {
    close();
    listener.broken(why);
  }

  private <R> void attempt(Request<R> request) {
    Attempt<R> attempt = request.change().apply(view);
    if (attempt.next().equals(view)) {
      requests.remove(request);
      request.outcome().complete(new Outcome.Done<>(attempt.answer()));
      return;
    }
    busy = true;
    List<Op> ops = new ArrayList<>(attempt.guards());
    ops.add(new Op.Put(Paths.VIEW, ViewCodec.encode(attempt.next()), version));
    loop.when(
        store.commit(ops), (result, failure) -> committed(request, attempt, ops, result, failure));
  }

  private <R> void committed(
      Request<R> request,
      Attempt<R> attempt,
      List<Op> ops,
      CommitResult result,
      Throwable failure) {
    busy = false;
    if (failure instanceof SessionLostException) {
      return;
    }
    if (failure != null && !(failure instanceof OutcomeUnknownException)) {
      broken(failure.getMessage());
      return;
    }
    switch (result) {
      case null -> stale = true;
      case CommitResult.Committed _ -> {
        // all changes told so far are ours or older
        stale = false;
        requests.remove(request);
        install(attempt.next(), version + 1);
        request.outcome().complete(new Outcome.Done<>(attempt.answer()));
      }
      case CommitResult.Refused(int index, var _) when index < ops.size() - 1 -> {
        requests.remove(request);
        request.outcome().complete(new Outcome.Refused<>(ops.get(index)));
      }
      case CommitResult.Refused _ -> stale = true;
    }
    pump();
  }
}
