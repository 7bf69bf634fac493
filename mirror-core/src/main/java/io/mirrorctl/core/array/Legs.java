package io.mirrorctl.core.array;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;

/**
 * Runs one operation on several members in parallel and tells which failed. An interrupt of the
 * calling thread says nothing about a member: it is kept for later.
 */
final class Legs {
  private Legs() {}

  /** An operation on one member; may be asked again if it was interrupted before it began. */
  @FunctionalInterface
  interface LegOperation {
    void on(Leg leg) throws IOException;
  }

  /** A member that could not do it. */
  record Failure(Leg leg, IOException cause) {}

  /**
   * The calling thread serves the first member itself. Once begun, the operation runs to its end on
   * every member.
   */
  static List<Failure> run(List<Leg> legs, LegOperation operation, Executor io) {
    List<Failure> failures = new ArrayList<>(0);
    CountDownLatch others = new CountDownLatch(legs.size() - 1);
    for (Leg leg : legs.subList(1, legs.size())) {
      Runnable task =
          () -> {
            try {
              attempt(leg, operation).ifPresent(failure -> add(failures, failure));
            } finally {
              others.countDown();
            }
          };
      Env.runOrHere(io, task);
    }
    attempt(legs.getFirst(), operation).ifPresent(failure -> add(failures, failure));
    Uninterruptibles.awaitUninterruptibly(others);
    synchronized (failures) {
      return failures;
    }
  }

  /** Runs an operation on one member, on the calling thread; empty if it was done. */
  static Optional<Failure> attempt(Leg leg, LegOperation operation) {
    boolean interrupted = Thread.interrupted();
    try {
      while (true) {
        try {
          operation.on(leg);
          return Optional.empty();
        } catch (InterruptedIOException e) {
          if (!Thread.interrupted()) {
            return Optional.of(new Failure(leg, e));
          }
          interrupted = true;
        }
      }
    } catch (IOException e) {
      return Optional.of(new Failure(leg, e));
    } catch (RuntimeException | Error e) {
      return Optional.of(
          new Failure(leg, new DeviceException(IoFailure.OTHER, leg.member() + ": " + e, e)));
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static void add(List<Failure> failures, Failure failure) {
    synchronized (failures) {
      failures.add(failure);
    }
  }
}
