package io.mirrorctl.it;

import java.util.concurrent.CountDownLatch;

/** A program that behaves like a node as far as {@link NodeProcess} can see. */
final class FakeNode {
  private FakeNode() {}

  public static void main(String[] args) throws InterruptedException {
    System.err.println("log line of " + args[0]);
    if (args[0].equals("refuse")) {
      System.exit(4);
    }
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.err.println("drained")));
    System.out.println("ready name=" + args[0] + " socket=/run/n.sock nbd=127.0.0.1:1,unix:/run/e");
    new CountDownLatch(1).await();
  }
}
