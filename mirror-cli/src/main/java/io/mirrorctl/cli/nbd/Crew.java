package io.mirrorctl.cli.nbd;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The threads of one connection. One of them has the reader role: it takes a request from the
 * socket, lays the role down and executes the request itself; meanwhile another reads on. A thread
 * that has finished its request takes the role back if it still lies there, so that a client with
 * one request at a time is served by one thread, without a hand-over.
 *
 * <p>Whether a colleague is called when the role is laid down is the {@link Duty}'s choice. If it
 * declines and the request takes long, {@link #callIfStuck} makes up for it.
 *
 * <p>Threading: safe from any thread. Ends when {@link #dismiss} was called and every thread has
 * left; the last one runs {@link Duty#over}.
 *
 * @param <T> a piece of work
 */
final class Crew<T> {

  /** What the threads do; none of these methods throws. */
  interface Duty<T> {
    /** Waits for the next piece of work; null if there will be none, and nobody need read on. */
    @Nullable T next();

    /** Whether more work is likely to arrive while the piece just read is executed. */
    boolean expectMore();

    void execute(T work);

    /** The last thread has left. */
    void over();
  }

  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(20);

  private final Duty<T> duty;
  private final String name;
  private final Executor threads;
  private final int limit;
  private final Quota extras;

  private final AtomicBoolean roleFree = new AtomicBoolean();

  /** How often the role was taken; written by the one that takes it. */
  private final AtomicInteger turns = new AtomicInteger();

  private int turnsLastSeen;

  /** Threads that were called and have not looked for the role yet. */
  private final AtomicInteger coming = new AtomicInteger();

  /** Guards the members; held for a few instructions only. */
  private final ReentrantLock lock = new ReentrantLock();

  private final ArrayDeque<Member> idle = new ArrayDeque<>();
  private final Set<Thread> members = new LinkedHashSet<>();
  private int size;
  private volatile boolean dismissed;

  /**
   * @param name for the threads while they work here
   * @param threads starts a thread at once for each task
   * @param limit threads at most
   * @param extras how many threads beyond the first one of each, all crews together may have
   */
  Crew(Duty<T> duty, String name, Executor threads, int limit, Quota extras) {
    this.duty = duty;
    this.name = name;
    this.threads = threads;
    this.limit = limit;
    this.extras = extras;
  }

  /** Works as the first thread, with the reader role, until this thread is not needed any more. */
  void lead() {
    lock.lock();
    try {
      size++;
    } finally {
      lock.unlock();
    }
    work(true);
  }

  /**
   * Calls a reader if the role lies free and nobody has taken it since this was last asked: those
   * who would are busy with their requests. Asked by one thread, at regular times.
   */
  void callIfStuck() {
    int now = turns.get();
    if (roleFree.get() && now == turnsLastSeen) {
      call();
    }
    turnsLastSeen = now;
  }

  /**
   * Sends everybody home: nobody takes up new work. With {@code interrupt} those at work are asked
   * to give up what has not begun, else they finish it.
   */
  void dismiss(boolean interrupt) {
    lock.lock();
    try {
      dismissed = true;
      idle.forEach(member -> member.wakeUp.signal());
      if (interrupt) {
        members.stream().filter(t -> !t.equals(Thread.currentThread())).forEach(Thread::interrupt);
      }
    } finally {
      lock.unlock();
    }
  }

  private void work(boolean asReader) {
    Member self = join();
    try {
      boolean reader = asReader;
      while (reader || takeRole(self)) {
        reader = false;
        T work = duty.next();
        if (work == null) {
          return;
        }
        boolean more = duty.expectMore();
        roleFree.set(true);
        if (more) {
          call();
        }
        duty.execute(work);
      }
    } finally {
      leave(self);
    }
  }

  /** Waits for the reader role; false if this thread is not needed any more. */
  private boolean takeRole(Member self) {
    while (!dismissed) {
      if (roleFree.get() && roleFree.compareAndSet(true, false)) {
        turns.lazySet(turns.getPlain() + 1);
        return true;
      }
      if (!lieIdle(self)) {
        return false;
      }
    }
    return false;
  }

  /** Waits to be called; false if that did not happen for so long that the thread may leave. */
  private boolean lieIdle(Member self) {
    lock.lock();
    try {
      self.called = false;
      idle.addLast(self);
      long left = IDLE_NANOS;
      while (!self.called && !roleFree.get() && !dismissed && left > 0) {
        left = self.wakeUp.awaitNanos(left);
      }
      if (self.called) {
        coming.decrementAndGet();
        return true;
      }
      idle.remove(self);
      return left > 0;
    } catch (InterruptedException e) {
      // the crew is dismissed, or the device left it behind; both are seen by whoever calls this
      if (self.called) {
        coming.decrementAndGet();
      }
      idle.remove(self);
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Brings one more thread, unless one is on its way already. */
  private void call() {
    if (coming.get() > 0) {
      return;
    }
    Member next;
    lock.lock();
    try {
      if (dismissed) {
        return;
      }
      next = idle.pollLast();
      if (next != null) {
        next.called = true;
        next.wakeUp.signal();
      } else if (size < limit && extras.tryTake()) {
        size++;
      } else {
        return;
      }
      coming.incrementAndGet();
    } finally {
      lock.unlock();
    }
    if (next == null) {
      start();
    }
  }

  private void start() {
    try {
      threads.execute(() -> {
        coming.decrementAndGet();
        work(false);
      });
    } catch (RejectedExecutionException | OutOfMemoryError e) {
      // no more threads to be had: those there are go on alone
      coming.decrementAndGet();
      depart();
    }
  }

  private Member join() {
    Thread thread = Thread.currentThread();
    Member self = new Member(thread, thread.getName(), lock.newCondition());
    thread.setName(name);
    lock.lock();
    try {
      members.add(thread);
    } finally {
      lock.unlock();
    }
    return self;
  }

  private void leave(Member self) {
    lock.lock();
    try {
      members.remove(self.thread);
    } finally {
      lock.unlock();
    }
    // from here on nobody interrupts this thread on behalf of this crew
    Thread.interrupted();
    depart();
    self.thread.setName(self.ownName);
  }

  private void depart() {
    boolean last;
    lock.lock();
    try {
      last = --size == 0;
    } finally {
      lock.unlock();
    }
    if (last) {
      duty.over();
    } else {
      extras.give();
    }
  }

  private static final class Member {
    private final Thread thread;
    private final String ownName;
    private final Condition wakeUp;

    /** Guarded by the crew's lock. */
    private boolean called;

    Member(Thread thread, String ownName, Condition wakeUp) {
      this.thread = thread;
      this.ownName = ownName;
      this.wakeUp = wakeUp;
    }
  }
}
