package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.RecordPeek;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Op;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiPredicate;

/**
 * The commits of the nodes of one lockspace that changed locks, in the servers' own order: what the
 * modes were after each of them.
 */
final class CommitLog {
  private static final String LOCKS = "/locks/";

  private record Done(long order, boolean guessed, List<Op> ops) {
    /** One that is guessed stands behind the one whose order it has. */
    boolean isUpTo(long other) {
      return order < other || (order == other && !guessed);
    }
  }

  /** One whose answer was lost; its node knew of commits up to that order when it asked for it. */
  private record Unknown(long after, List<Op> ops) {}

  private final List<Done> done = new ArrayList<>();
  private final List<Unknown> unknown = new ArrayList<>();

  static boolean changesLocks(List<Op> ops) {
    return ops.stream().anyMatch(op -> !(op instanceof Op.Check) && op.path().contains(LOCKS));
  }

  synchronized void add(long order, List<Op> ops) {
    done.add(new Done(order, false, ops));
  }

  /**
   * Its answer was lost.
   *
   * @param after order of the last commit that its node knew of when it asked for this one
   */
  synchronized void addUnknown(long after, List<Op> ops) {
    unknown.add(new Unknown(after, ops));
  }

  /** How far the order has come. */
  synchronized long last() {
    return done.stream().mapToLong(Done::order).max().orElse(0);
  }

  /**
   * The modes of a sender and a receiver, as the drawn table has them, after each commit that
   * changed one of these; up to the first purge.
   *
   * @param after first of all the modes after the commit of this order
   */
  synchronized List<ExchangeTable.Row> rows(int sender, int receiver, long after) {
    var now = new HashMap<String, Bytes>();
    var rows = new ArrayList<ExchangeTable.Row>();
    long generation = 0;
    for (Done commit : inOrder()) {
      long written = 0;
      for (Op op : commit.ops()) {
        if (!(op instanceof Op.Check) && op.path().contains(LOCKS)) {
          Bytes data = data(op);
          now.put(op.path().substring(op.path().lastIndexOf('/') + 1), data);
          written = Math.max(written, RecordPeek.generation(data));
        }
      }
      if (commit.isUpTo(after)) {
        generation = Math.max(generation, written);
        rows.clear();
      } else if (written > generation) {
        break;
      }
      var row = row(now, sender, receiver);
      if (rows.isEmpty() || !rows.getLast().equals(row)) {
        rows.add(row);
      }
    }
    return rows;
  }

  private static ExchangeTable.Row row(Map<String, Bytes> now, int sender, int receiver) {
    String ack = OwnAcks.ack(receiver);
    return new ExchangeTable.Row(
        mode(now, ChannelLocks.TOKEN, sender),
        mode(now, ChannelLocks.MESSAGE, sender),
        mode(now, ack, sender),
        mode(now, ChannelLocks.MESSAGE, receiver),
        mode(now, ack, receiver));
  }

  /** A node that has never asked for a lock is at rest there. */
  private static String mode(Map<String, Bytes> now, String resource, int slot) {
    String mode = now.containsKey(resource) ? RecordPeek.mode(now.get(resource), slot) : "-";
    return switch (mode) {
      case "-" -> "NL";
      case "->EX" -> "NL->EX";
      default -> mode;
    };
  }

  private static Bytes data(Op op) {
    return switch (op) {
      case Op.Create(_, var data, _) -> data;
      case Op.Put(_, var data, _) -> data;
      case Op.Check _, Op.Delete _ -> throw new AssertionError(op);
    };
  }

  /** Those whose answer was lost stand, if they were done, as early as they can. */
  private List<Done> inOrder() {
    var all = new ArrayList<>(done);
    for (Unknown lost : unknown) {
      if (isThere(CommitLog::follows, lost) && !isThere(CommitLog::isInsteadOf, lost)) {
        long builtUpon =
            done.stream()
                .filter(commit -> isAny(commit, lost, (op, of) -> follows(of, op)))
                .mapToLong(Done::order)
                .max()
                .orElse(0);
        all.add(new Done(Math.max(lost.after(), builtUpon), true, lost.ops()));
      }
    }
    // a stable sort: after what they build upon
    all.sort(Comparator.comparingLong(Done::order));
    return all;
  }

  private boolean isThere(BiPredicate<Op, Op> relation, Unknown lost) {
    return done.stream().anyMatch(commit -> isAny(commit, lost, relation));
  }

  private static boolean isAny(Done commit, Unknown lost, BiPredicate<Op, Op> relation) {
    return commit.ops().stream()
        .anyMatch(op -> lost.ops().stream().anyMatch(of -> relation.test(op, of)));
  }

  /** Whether the part changes what the other one has written. */
  private static boolean follows(Op op, Op other) {
    return op instanceof Op.Put(var path, _, int version)
        && path.contains(LOCKS)
        && path.equals(other.path())
        && version == after(other);
  }

  /** Whether the part was done where the other one would have been. */
  private static boolean isInsteadOf(Op op, Op lost) {
    return !(op instanceof Op.Check)
        && op.path().contains(LOCKS)
        && op.path().equals(lost.path())
        && after(op) == after(lost);
  }

  /** The version that a part leaves behind; no version if none. */
  private static int after(Op op) {
    return switch (op) {
      case Op.Create _ -> 0;
      case Op.Put(_, _, int version) -> version + 1;
      case Op.Check _, Op.Delete _ -> -1;
    };
  }
}
