package io.mirrorctl.cli.nbd;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A script that holds requests of a kind until it is opened. */
final class Gate implements FakeServer.Script {
  private final Predicate<FakeServer.Request> held;
  private final CountDownLatch reached;
  private final CountDownLatch opened = new CountDownLatch(1);

  /**
   * @param count how many requests {@link #awaitReached} waits for
   */
  Gate(int count, Predicate<FakeServer.Request> held) {
    this.held = held;
    this.reached = new CountDownLatch(count);
  }

  static Gate forOne(int command) {
    return new Gate(1, request -> request.command() == command);
  }

  @Override
  public boolean handle(FakeServer.Request request, FakeServer.Answers out) throws Exception {
    if (held.test(request)) {
      reached.countDown();
      opened.await();
    }
    return false;
  }

  /** Returns when so many requests are held. */
  void awaitReached() throws InterruptedException {
    if (!reached.await(20, TimeUnit.SECONDS)) {
      throw new AssertionError("the request did not come");
    }
  }

  void open() {
    opened.countDown();
  }
}
