package io.mirrorctl.core.array;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;

/** Runs one operation on several members in parallel and tells which failed. */
final class Legs {
  private Legs() {}

  /** An operation on one member. */
  @FunctionalInterface
  interface LegOperation {
    void on(Leg leg) throws IOException;
  }

  /** A member that could not do it. */
  record Failure(Leg leg, IOException cause) {}

  /**
   * The calling thread serves the first member itself. Once begun, the operation runs to its end on
   * every member: an interrupt is kept for later.
   */
  static List<Failure> run(List<Leg> legs, LegOperation operation, Executor io) {
    boolean interrupted = Thread.interrupted();
    List<Failure> failures = new ArrayList<>(0);
    CountDownLatch others = new CountDownLatch(legs.size() - 1);
    for (Leg leg : legs.subList(1, legs.size())) {
      io.execute(() -> {
        try {
          attempt(leg, operation, failures);
        } finally {
          others.countDown();
        }
      });
    }
    attempt(legs.getFirst(), operation, failures);
    Uninterruptibles.awaitUninterruptibly(others);
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return failures;
  }

  private static void attempt(Leg leg, LegOperation operation, List<Failure> failures) {
    IOException cause;
    try {
      operation.on(leg);
      return;
    } catch (IOException e) {
      cause = e;
    } catch (RuntimeException | Error e) {
      cause = new DeviceException(IoFailure.OTHER, leg.member() + ": " + e, e);
    }
    synchronized (failures) {
      failures.add(new Failure(leg, cause));
    }
  }
}
