package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** A store that takes something away from the lock manager, as if it had been forgotten. */
final class Saboteur extends ForwardingStore {

  /** What is taken away. */
  enum Bug {
    /** Lock commits do not check that the view is the one they were worked out in. */
    NO_VIEW_CHECK,
    /** Commits do not check that their node is still in the cluster. */
    NO_STANDING_CHECK,
    /** Records are written whatever their version is. */
    NO_COMPARE,
    /** Every third change is not told. */
    CHANGES_GET_LOST,
    /** A lost connection is not noticed, so nothing is read again. */
    NO_WORD_OF_RECONNECTION,
    /** A purge leaves value blocks valid. */
    VALUES_STAY_VALID
  }

  private final Bug bug;
  private int changes;

  Saboteur(Store store, Bug bug) {
    super(store);
    this.bug = bug;
  }

  @Override
  public CompletableFuture<CommitResult> commit(List<Op> ops) {
    List<Op> left = new ArrayList<>();
    for (Op op : ops) {
      boolean isView = op.path().endsWith("/view");
      switch (op) {
        case Op.Check _ when bug == Bug.NO_VIEW_CHECK && isView -> left.add(nothing());
        case Op.Check _ when bug == Bug.NO_STANDING_CHECK && !isView -> left.add(nothing());
        case Op.Put put when bug == Bug.VALUES_STAY_VALID && !isView -> left.add(valid(put));
        default -> left.add(op);
      }
    }
    if (bug == Bug.NO_COMPARE) {
      return blindly(ops);
    }
    return super.commit(left);
  }

  /** Stands always, so that the others keep their places. */
  private static Op nothing() {
    return new Op.Check(LockRig.ALWAYS, 0);
  }

  private static Op valid(Op.Put put) {
    try {
      LockRecord record = LockRecordCodec.decode(put.data());
      ValueBlock value = new ValueBlock(record.value().content(), true);
      return new Op.Put(
          put.path(),
          LockRecordCodec.encode(new LockRecord(record.generation(), value, record.entries())),
          put.version());
    } catch (MalformedRecordException e) {
      throw new AssertionError(e);
    }
  }

  private CompletableFuture<CommitResult> blindly(List<Op> ops) {
    CompletableFuture<List<Op>> asked = CompletableFuture.completedFuture(List.of());
    for (Op op : ops) {
      boolean isRecord = op.path().contains("/locks/");
      asked =
          asked.thenCombine(
              isRecord && op instanceof Op.Put
                  ? read(op.path())
                  : CompletableFuture.completedFuture(Optional.<Entry>empty()),
              (before, entry) -> {
                List<Op> more = new ArrayList<>(before);
                more.add(
                    op instanceof Op.Put put && entry.isPresent()
                        ? new Op.Put(put.path(), put.data(), entry.get().version())
                        : op);
                return more;
              });
    }
    return asked.thenCompose(super::commit);
  }

  @Override
  public CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange) {
    return super.watch(
        path,
        depth,
        change -> {
          if (bug != Bug.CHANGES_GET_LOST || ++changes % 3 != 0) {
            onChange.accept(change);
          }
        });
  }

  @Override
  public void onSession(Consumer<SessionEvent> listener) {
    super.onSession(event -> {
      if (bug != Bug.NO_WORD_OF_RECONNECTION || event == SessionEvent.LOST) {
        listener.accept(event);
      }
    });
  }
}
