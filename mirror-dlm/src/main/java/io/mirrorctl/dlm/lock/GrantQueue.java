package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.lock.LockRecord.State;
import io.mirrorctl.dlm.lock.LockRecord.State.Converting;
import io.mirrorctl.dlm.lock.LockRecord.State.Granted;
import io.mirrorctl.dlm.lock.LockRecord.State.Waiting;
import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * The rules of the DLM as functions of a record. Whatever makes a grant possible also makes it: no
 * record that comes out of here has a request that could be granted.
 *
 * <p>Source: {@code _can_be_granted}, {@code conversion_deadlock_detect}, {@code
 * grant_pending_locks} and {@code __dlm_lvb_operations} of Linux's fs/dlm/lock.c; new requests for
 * NL never wait, as with {@code DLM_LKF_EXPEDITE}.
 */
final class GrantQueue {

  /** What became of an operation. */
  enum Outcome {
    GRANTED,
    QUEUED,
    BUSY,
    DEADLOCK,
    CANCELLED,
    /** There was nothing to cancel any more. */
    NOT_QUEUED,
    RELEASED
  }

  /** The record that follows, the same one if nothing changes, and what the owner is told. */
  record Result(LockRecord record, Outcome outcome) {}

  private final LockRecord record;
  private final List<Entry> entries;
  private final long millis;
  private ValueBlock value;

  private GrantQueue(LockRecord record, long millis) {
    this.record = record;
    this.entries = new ArrayList<>(record.entries());
    this.value = record.value();
    this.millis = millis;
  }

  /**
   * Does the operation; one that stands in the record already, by its id, changes nothing and has
   * the outcome that the record shows.
   *
   * @param request id of the operation; rises with every one of the owner
   * @param millis calendar time, for people to read
   */
  static Result apply(LockRecord record, Owner owner, long request, LockOp op, long millis) {
    GrantQueue queue = new GrantQueue(record, millis);
    Optional<Entry> before = record.of(owner);
    Outcome outcome =
        switch (op) {
          case LockOp.Ask(LockRequest asked) -> queue.ask(owner, before, request, asked);
          case LockOp.Cancel _ -> queue.cancel(before, request);
          case LockOp.Unlock(Optional<Bytes> written) -> queue.unlock(before, written);
        };
    return new Result(queue.changed(), outcome);
  }

  /**
   * Without the owners that are dead: what they wrote under PW or EX is no longer to be trusted.
   */
  static LockRecord purge(LockRecord record, Predicate<Owner> dead, long millis) {
    GrantQueue queue = new GrantQueue(record, millis);
    for (Entry entry : record.entries()) {
      if (dead.test(entry.owner())) {
        queue.entries.remove(entry);
        if (entry.state().heldMode().filter(GrantQueue::isWriting).isPresent()) {
          queue.value = queue.value.invalid();
        }
      }
    }
    queue.grantWhatCanBe();
    return queue.changed();
  }

  /** Whether a conversion stores the value block that comes with it, by the DLM's table. */
  static boolean writes(LockMode held, LockMode granted) {
    return isWriting(held) && !(held == LockMode.PW && granted == LockMode.EX);
  }

  /** Whether unlocking from the mode stores the value block that comes with it. */
  static boolean isWriting(LockMode held) {
    return held == LockMode.PW || held == LockMode.EX;
  }

  private LockRecord changed() {
    boolean same = entries.equals(record.entries()) && value.equals(record.value());
    return same ? record : new LockRecord(record.generation(), value, entries);
  }

  private Outcome ask(Owner owner, Optional<Entry> before, long request, LockRequest asked) {
    if (before.isPresent() && before.get().request() == request) {
      return before.get().state() instanceof Granted ? Outcome.GRANTED : Outcome.QUEUED;
    }
    return before.isPresent()
        ? convert(before.get(), request, asked)
        : begin(new Entry(owner, new Waiting(asked.mode()), request, millis, asked.note()), asked);
  }

  private Outcome begin(Entry entry, LockRequest asked) {
    boolean queuesAreEmpty = entries.stream().allMatch(e -> e.state() instanceof Granted);
    LockMode wanted = asked.mode();
    if (wanted == LockMode.NL || (queuesAreEmpty && suits(wanted, entry.owner()))) {
      entries.add(entry.in(new Granted(wanted), millis));
      return Outcome.GRANTED;
    }
    if (asked.noQueue()) {
      return Outcome.BUSY;
    }
    entries.add(entry);
    return Outcome.QUEUED;
  }

  private Outcome convert(Entry before, long request, LockRequest asked) {
    Invariant.check(
        before.state() instanceof Granted, "%s has a request under way: %s", asked, before);
    LockMode held = ((Granted) before.state()).mode();
    LockMode wanted = asked.mode();
    if (suits(wanted, before.owner())) {
      Entry after = new Entry(before.owner(), new Granted(wanted), request, millis, asked.note());
      entries.set(entries.indexOf(before), after);
      if (writes(held, wanted)) {
        write(asked.value());
      }
      grantWhatCanBe();
      return Outcome.GRANTED;
    }
    if (asked.noQueue()) {
      return Outcome.BUSY;
    }
    if (holdsUpAConversion(held)) {
      return Outcome.DEADLOCK;
    }
    entries.remove(before);
    entries.add(
        new Entry(before.owner(), new Converting(held, wanted), request, millis, asked.note()));
    return Outcome.QUEUED;
  }

  private Outcome cancel(Optional<Entry> before, long request) {
    if (before.isEmpty() || before.get().request() == request) {
      return Outcome.CANCELLED;
    }
    Entry entry = before.get();
    switch (entry.state()) {
      case Granted _ -> {
        return Outcome.NOT_QUEUED;
      }
      case Converting(LockMode held, LockMode _) ->
          entries.set(
              entries.indexOf(entry),
              new Entry(entry.owner(), new Granted(held), request, millis, entry.note()));
      case Waiting _ -> entries.remove(entry);
    }
    grantWhatCanBe();
    return Outcome.CANCELLED;
  }

  private Outcome unlock(Optional<Entry> before, Optional<Bytes> written) {
    if (before.isPresent()) {
      entries.remove(before.get());
      if (before.get().state().heldMode().filter(GrantQueue::isWriting).isPresent()) {
        write(written);
      }
      grantWhatCanBe();
    }
    return Outcome.RELEASED;
  }

  private void write(Optional<Bytes> written) {
    written.ifPresent(content -> value = new ValueBlock(content, true));
  }

  /** Whether the mode goes with what all others hold, those that convert included. */
  private boolean suits(LockMode wanted, Owner owner) {
    return entries.stream()
        .filter(entry -> !entry.owner().equals(owner))
        .flatMap(entry -> entry.state().heldMode().stream())
        .allMatch(wanted::isCompatibleWith);
  }

  /** A conversion that queues behind one which waits for it would never be served. */
  private boolean holdsUpAConversion(LockMode held) {
    return entries.stream()
        .anyMatch(entry ->
            entry.state() instanceof Converting(LockMode _, LockMode wanted)
                && !wanted.isCompatibleWith(held));
  }

  private void grantWhatCanBe() {
    boolean conversionsAreServed = grantFromFront(Converting.class);
    if (conversionsAreServed) {
      grantFromFront(Waiting.class);
    }
  }

  /** Serves the queue from its front; returns whether it is empty now. */
  private boolean grantFromFront(Class<? extends State> queue) {
    for (int i = 0; i < entries.size(); i++) {
      Entry entry = entries.get(i);
      if (queue.isInstance(entry.state())) {
        LockMode wanted = entry.state().wantedMode().orElseThrow();
        if (!suits(wanted, entry.owner())) {
          return false;
        }
        entries.set(i, entry.in(new Granted(wanted), millis));
      }
    }
    return true;
  }
}
