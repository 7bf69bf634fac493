package io.mirrorctl.core.resync;

import io.mirrorctl.core.array.ClusterPort.Permit;
import io.mirrorctl.core.array.ClusterPort.Window;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/**
 * The windows of one action: other nodes do not write where it copies, and while it copies one
 * window they are told of the next (decision D9).
 *
 * <p>Contract: between {@link #enter} and the next call nobody else writes in what it returned,
 * whatever was announced ahead or went wrong with that. Announcing ahead is a task that begins when
 * a window is entered and that every later announcement waits for, so there is one at a time.
 *
 * <p>Threading: one thread.
 */
sealed interface Windows {

  /** What will be copied, as far as is known now. */
  @FunctionalInterface
  interface Course {
    /** The first sectors at or behind {@code from}, adjoining; about so many, or fewer. */
    Optional<SectorRange> ahead(long from, long sectors);
  }

  /**
   * Returns when no other node writes there.
   *
   * @param batch rising ranges that are to be copied next
   * @return the first of them: those that may be copied now
   */
  List<SectorRange> enter(List<SectorRange> batch) throws IOException;

  /**
   * How long to rest before what is at or behind {@code position} if the pace wants so many
   * nanoseconds: nobody is to wait for a window in which nothing is copied.
   */
  long rest(long nanos, long position) throws IOException;

  /** Nothing is copied any more, or for now. */
  void leave() throws IOException;

  /** Of an array that one node has for itself. */
  record None() implements Windows {
    @Override
    public List<SectorRange> enter(List<SectorRange> batch) {
      return batch;
    }

    @Override
    public long rest(long nanos, long position) {
      return nanos;
    }

    @Override
    public void leave() {}
  }

  /** Of an array that other nodes use too. */
  final class Announced implements Windows {
    /** What a shorter rest would bring is not worth another announcement. */
    static final long SHORTEST_REST_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final Permit permit;
    private final Course course;
    private final Env env;
    private final WindowSize size = new WindowSize();

    /** What other nodes were told last, or are being told. */
    private List<Window> told = List.of();

    /** What all have answered. */
    private List<Window> answered = List.of();

    /** What is copied at the moment; one of those answered. */
    private Optional<Window> current = Optional.empty();

    private long enteredAt;
    private long copied;

    /** Whether windows follow each other without a rest. */
    private boolean inARow = true;

    /** The announcement on its way, with the nanoseconds it takes; null if there is none. */
    private CompletableFuture<Long> announcing;

    Announced(Permit permit, Course course, Env env) {
      this.permit = permit;
      this.course = course;
      this.env = env;
    }

    @Override
    public List<SectorRange> enter(List<SectorRange> batch) throws IOException {
      SectorRange first = batch.getFirst();
      if (!isCurrent(first) || env.ticker().read() - enteredAt > WindowSize.BOUND_NANOS) {
        move(batch);
      }
      Window window = current.orElseThrow();
      List<SectorRange> inside = batch.stream().takeWhile(window::holds).toList();
      copied += SyncThread.sectors(inside);
      return inside;
    }

    private boolean isCurrent(SectorRange range) {
      return current.filter(window -> window.holds(range)).isPresent();
    }

    private void move(List<SectorRange> batch) throws IOException {
      SectorRange first = batch.getFirst();
      boolean follows = current.isPresent();
      boolean late = isCurrent(first);
      endCurrent();
      awaitAnnounced();
      Optional<Window> ahead =
          answered.stream().filter(window -> !late && window.holds(first)).findFirst();
      if (ahead.isPresent()) {
        current = ahead;
      } else {
        Window next =
            plan(first.start())
                .filter(window -> window.holds(first))
                .orElseGet(() -> Window.of(new SectorRange(first.start(), batch.getLast().end())));
        announce(List.of(next));
        awaitAnnounced();
        current = Optional.of(next);
      }
      inARow |= follows;
      enteredAt = env.ticker().read();
      announceAhead();
    }

    /** Also lets go of the window that was copied last. */
    private void announceAhead() {
      Window window = current.orElseThrow();
      List<Window> windows = new ArrayList<>(List.of(window));
      if (inARow) {
        plan(window.range().end()).ifPresent(windows::add);
      }
      if (!windows.equals(told)) {
        announce(windows);
      }
    }

    private Optional<Window> plan(long from) {
      List<SectorRange> parts = new ArrayList<>();
      long at = from;
      long end = Long.MAX_VALUE;
      long left = Math.min(size.sectors(), permit.windowSectors());
      while (left > 0 && at < end) {
        Optional<SectorRange> next = course.ahead(at, left);
        if (next.isEmpty() || next.get().start() >= end) {
          break;
        }
        if (parts.isEmpty()) {
          end = next.get().start() + permit.windowSectors();
        }
        boolean adjoins = !parts.isEmpty() && parts.getLast().end() == next.get().start();
        long start = adjoins ? parts.removeLast().start() : next.get().start();
        parts.add(new SectorRange(start, next.get().end()));
        left -= next.get().length();
        at = next.get().end();
      }
      return parts.isEmpty() ? Optional.empty() : Optional.of(new Window(parts));
    }

    private void announce(List<Window> windows) {
      told = List.copyOf(windows);
      answered = List.of();
      announcing =
          CompletableFuture.supplyAsync(
              () -> {
                long begun = env.ticker().read();
                try {
                  permit.announce(windows);
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
                return env.ticker().read() - begun;
              },
              env.ioOrHere());
    }

    private void awaitAnnounced() throws IOException {
      CompletableFuture<Long> last = announcing;
      announcing = null;
      if (last == null) {
        return;
      }
      try {
        size.announced(last.join());
        answered = told;
      } catch (CompletionException e) {
        if (e.getCause() instanceof UncheckedIOException cause) {
          throw cause.getCause();
        }
        throw e;
      }
    }

    private void endCurrent() {
      if (current.isPresent()) {
        size.copied(copied, env.ticker().read() - enteredAt);
      }
      current = Optional.empty();
      copied = 0;
    }

    @Override
    public long rest(long nanos, long position) throws IOException {
      if (nanos < SHORTEST_REST_NANOS
          || course.ahead(position, 1).filter(this::isCurrent).isPresent()) {
        return 0; // the pace remembers it
      }
      leave();
      return nanos;
    }

    @Override
    public void leave() throws IOException {
      endCurrent();
      inARow = false;
      try {
        awaitAnnounced();
      } finally {
        if (!told.isEmpty()) {
          told = List.of();
          answered = List.of();
          permit.announce(List.of());
        }
      }
    }
  }
}
