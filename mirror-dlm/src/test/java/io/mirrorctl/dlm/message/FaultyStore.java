package io.mirrorctl.dlm.message;

import com.google.common.base.Throwables;
import io.mirrorctl.dlm.lock.ForwardingStore;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A store to which something happens at one of its commits of locks; all on the loop. */
final class FaultyStore extends ForwardingStore {

  /** What happens to a node at a commit. */
  enum Fault {
    /** It dies before the servers get it. */
    KILL_BEFORE,
    /** It dies on the answer. */
    KILL_AFTER,
    /** The servers end its session while the commit is under way. */
    EXPIRE,
    /** Its connection breaks before the servers get it. */
    LOSE_REQUEST,
    /** Its connection breaks on the answer. */
    LOSE_ANSWER,
    /** Its connection breaks, and stays so for a second. */
    CUT;

    boolean isDeath() {
      return this == KILL_BEFORE || this == KILL_AFTER || this == EXPIRE;
    }
  }

  private final Store store;
  private final CommitLog log;
  private final Consumer<Fault> happens;
  private Optional<Fault> armed = Optional.empty();
  private int left;
  private long last;
  private boolean dead;

  /**
   * @param happens brings about what is not done here: deaths are told, too
   */
  FaultyStore(Store store, CommitLog log, Consumer<Fault> happens) {
    super(store);
    this.store = store;
    this.log = log;
    this.happens = happens;
  }

  /** At so many commits of locks from now, counted from 1. */
  void failAt(int commit, Fault fault) {
    left = commit;
    armed = Optional.of(fault);
  }

  /** As if the process were gone: nothing comes from here, nothing is told any more. */
  void die() {
    dead = true;
    store.close();
  }

  @Override
  public CompletableFuture<CommitResult> commit(List<Op> ops) {
    if (dead) {
      return new CompletableFuture<>();
    }
    if (!CommitLog.changesLocks(ops)) {
      return told(store.commit(ops));
    }
    Optional<Fault> now = armed.filter(_ -> --left == 0);
    if (now.isPresent()) {
      armed = Optional.empty();
      if (now.get() != Fault.KILL_AFTER) {
        happens.accept(now.get());
      }
      if (now.get() == Fault.KILL_BEFORE) {
        return new CompletableFuture<>();
      }
    }
    long known = last;
    return told(
        store
            .commit(ops)
            .whenComplete((result, _) -> {
              switch (result) {
                case CommitResult.Committed(long order) -> {
                  last = order;
                  log.add(order, ops);
                }
                case null -> log.addUnknown(known, ops);
                case CommitResult.Refused _ -> {}
              }
              if (now.filter(Fault.KILL_AFTER::equals).isPresent()) {
                happens.accept(Fault.KILL_AFTER);
              }
            }));
  }

  /** What a dead process does not hear. */
  private <T> CompletableFuture<T> told(CompletableFuture<T> answer) {
    var told = new CompletableFuture<T>();
    var _ =
        answer.whenComplete((value, failure) -> {
          if (!dead && failure == null) {
            told.complete(value);
          } else if (!dead) {
            told.completeExceptionally(Throwables.getRootCause(failure));
          }
        });
    return told;
  }

  @Override
  public CompletableFuture<Optional<Entry>> read(String path) {
    return dead ? new CompletableFuture<>() : told(store.read(path));
  }

  @Override
  public CompletableFuture<List<String>> children(String path) {
    return dead ? new CompletableFuture<>() : told(store.children(path));
  }

  @Override
  public CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange) {
    return dead
        ? new CompletableFuture<>()
        : told(
            store.watch(
                path,
                depth,
                change -> {
                  if (!dead) {
                    onChange.accept(change);
                  }
                }));
  }

  @Override
  public void onSession(Consumer<SessionEvent> listener) {
    store.onSession(event -> {
      if (!dead) {
        listener.accept(event);
      }
    });
  }
}
