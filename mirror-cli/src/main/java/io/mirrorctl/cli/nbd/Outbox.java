package io.mirrorctl.cli.nbd;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The sending side of a connection. A thread that brings a reply while nobody writes becomes the
 * writer and sends what others bring in the meantime too, many replies in one write; whoever finds
 * a writer at work leaves its reply and goes on.
 *
 * <p>Threading: safe from any thread; {@link #send} blocks only the writer.
 */
final class Outbox {

  /** What happens to replies in the end. */
  interface Fate {
    /** The reply left, or will never leave; its memory is free again. */
    void gone(Reply reply);

    /** A write is about to start that carries this many bytes, or (0) has ended. */
    void writing(long bytes);

    /** The peer takes no replies any more. */
    void broken(IOException cause);
  }

  private final Transport transport;
  private final Fate fate;

  /** Guards the queue and who writes; never held during a write. */
  private final ReentrantLock lock = new ReentrantLock();

  private ArrayDeque<Reply> queue = new ArrayDeque<>();
  private boolean writerAtWork;

  // the rest is used by the writer alone
  private ArrayDeque<Reply> taken = new ArrayDeque<>();
  private final ReplyBatch batch;
  private final List<Reply> inBatch = new ArrayList<>();
  private boolean dead;

  Outbox(Transport transport, ReplyBatch batch, Fate fate) {
    this.transport = transport;
    this.batch = batch;
    this.fate = fate;
  }

  /** Sends a reply, or leaves it to the thread that is sending. */
  void send(Reply reply) {
    lock.lock();
    try {
      queue.addLast(reply);
      if (writerAtWork) {
        return;
      }
      writerAtWork = true;
    } finally {
      lock.unlock();
    }
    while (takeQueue()) {
      while (!taken.isEmpty()) {
        writeBatch();
      }
    }
  }

  /** Makes what waits the writer's; false, with nobody writing any more, if there is nothing. */
  private boolean takeQueue() {
    lock.lock();
    try {
      ArrayDeque<Reply> emptied = taken;
      taken = queue;
      queue = emptied;
      writerAtWork = !taken.isEmpty();
      return writerAtWork;
    } finally {
      lock.unlock();
    }
  }

  private void writeBatch() {
    try {
      while (!taken.isEmpty() && batch.hasRoom()) {
        Reply reply = taken.pollFirst();
        inBatch.add(reply);
        batch.add(reply);
      }
      if (!dead) {
        fate.writing(batch.bytes());
        batch.writeTo(transport);
      }
    } catch (IOException e) {
      dead = true;
      fate.broken(e);
    } finally {
      fate.writing(0);
      batch.clear();
      inBatch.forEach(fate::gone);
      inBatch.clear();
    }
  }

  /** Drops what was never sent; called when no thread uses this object any more. */
  void discard() {
    lock.lock();
    try {
      taken.forEach(fate::gone);
      taken.clear();
      queue.forEach(fate::gone);
      queue.clear();
    } finally {
      lock.unlock();
    }
  }
}
