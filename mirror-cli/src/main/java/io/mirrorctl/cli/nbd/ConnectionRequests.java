package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The requests of one connection: those that wait to be sent and those that wait for an answer.
 *
 * <p>Threading: safe from any thread; nothing here waits.
 */
final class ConnectionRequests {
  private final Ticker ticker;
  private final Runnable wakeReader;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final ArrayDeque<NbdRequest> queue = new ArrayDeque<>();

  @GuardedBy("lock")
  private final RequestSlots slots = new RequestSlots();

  /** No request is taken any more; those that are there will be answered. */
  @GuardedBy("lock")
  private boolean finishing;

  @GuardedBy("lock")
  private boolean ended;

  /** The reader waits without limit, and must be woken for a request to be timed. */
  @GuardedBy("lock")
  private boolean readerDozes;

  /**
   * @param wakeReader makes the reading thread look at the time; must not wait
   */
  ConnectionRequests(Ticker ticker, Runnable wakeReader) {
    this.ticker = ticker;
    this.wakeReader = wakeReader;
  }

  /** Queues a request; false, and nothing was done, if none is taken any more. */
  boolean add(NbdRequest request) {
    lock.lock();
    try {
      if (ended || finishing) {
        return false;
      }
      request.startAttempt();
      return queue.add(request);
    } finally {
      lock.unlock();
    }
  }

  /** Whether {@link #next} would give a request now. */
  boolean anyToSend() {
    lock.lock();
    try {
      return sendable();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private boolean sendable() {
    return !ended && !queue.isEmpty() && slots.hasRoomFor(queue.peek());
  }

  /**
   * Moves the next request from those to be sent to those to be answered; null if there is none, or
   * enough are under way.
   *
   * @param stream told before an answer could be taken for one to this request
   */
  RequestStream.Outgoing next(RequestStream stream, UnflushedWrites unflushed) {
    lock.lock();
    try {
      if (!sendable()) {
        return null;
      }
      NbdRequest request = queue.remove();
      stream.announce(request);
      request.aboutToBeSent(unflushed.beforeFlush());
      long cookie = slots.add(request, ticker.read());
      if (readerDozes) {
        readerDozes = false;
        wakeReader.run();
      }
      return new RequestStream.Outgoing(request, cookie);
    } finally {
      lock.unlock();
    }
  }

  /** See {@link RequestSlots#find}. */
  NbdRequest waiting(long cookie) throws ProtocolViolation {
    lock.lock();
    try {
      return slots.find(cookie);
    } finally {
      lock.unlock();
    }
  }

  /**
   * A request has been answered.
   *
   * @param over false if it has to be sent once more; it goes first then, as it has waited already
   */
  void answered(long cookie, NbdRequest request, boolean over) {
    lock.lock();
    try {
      slots.remove(cookie);
      if (!over) {
        queue.addFirst(request);
      }
    } finally {
      lock.unlock();
    }
  }

  /** How many are not answered. */
  int size() {
    lock.lock();
    try {
      return queue.size() + slots.size();
    } finally {
      lock.unlock();
    }
  }

  /** Since when the oldest waits for its answer; {@code otherwise} if none does. */
  long oldestNanos(long otherwise) {
    lock.lock();
    try {
      return slots.oldestNanos(otherwise);
    } finally {
      lock.unlock();
    }
  }

  /** Whether the reader, for which all is quiet, may wait without limit until it is woken. */
  boolean readerMayDoze() {
    lock.lock();
    try {
      readerDozes = queue.isEmpty() && slots.isEmpty() && !finishing;
      return readerDozes;
    } finally {
      lock.unlock();
    }
  }

  /** Takes no more requests. */
  void finish() {
    lock.lock();
    try {
      finishing = true;
    } finally {
      lock.unlock();
    }
  }

  /** Whether none is taken and all are answered. */
  boolean finished() {
    lock.lock();
    try {
      return finishing && queue.isEmpty() && slots.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Neither takes nor gives requests from now on. */
  void end() {
    lock.lock();
    try {
      ended = true;
    } finally {
      lock.unlock();
    }
  }

  /** Gives those away that were not answered, oldest first. */
  List<NbdRequest> removeAll() {
    lock.lock();
    try {
      List<NbdRequest> all = new ArrayList<>(slots.removeAll());
      all.addAll(queue);
      queue.clear();
      return all;
    } finally {
      lock.unlock();
    }
  }
}
