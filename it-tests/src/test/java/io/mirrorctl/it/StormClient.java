package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.it.SharedNodes.Incarnation;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A client that moves from node to node. It leaves a node that fails it for another one, but only
 * once the others say that the incarnation that served it is out of the cluster: until then its
 * last requests may still be carried out.
 */
abstract class StormClient implements AutoCloseable {
  private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(120);
  private static final long LOOK_MILLIS = 100;

  final SharedNodes nodes;
  private final String name;
  private final SplittableRandom random;
  private final CompletableFuture<Void> ended;
  private volatile boolean stopped;
  private int losses;
  private int checks;

  StormClient(SharedNodes nodes, String name, SplittableRandom random) {
    this.nodes = nodes;
    this.name = name;
    this.random = random;
    this.ended = new CompletableFuture<>();
  }

  final void start() {
    Thread.ofPlatform()
        .daemon()
        .name(name)
        .start(() -> {
          try {
            moveAround();
            ended.complete(null);
          } catch (IOException | InterruptedException | RuntimeException | AssertionError e) {
            ended.completeExceptionally(e);
          }
        });
  }

  /** A connection to a node as this incarnation, or what stands for one. */
  interface Visit extends AutoCloseable {
    /** Does the client's work; false if the node failed, true if it is done. Ends when closed. */
    boolean work() throws IOException, InterruptedException;

    /** Ends the work at once, although the node does not answer. */
    void abandon();

    @Override
    void close() throws IOException;
  }

  /** Goes to a node; an {@link IOException} if it is not to be had. */
  abstract Visit visit(int node, SplittableRandom chance) throws IOException, InterruptedException;

  /** Checks, through a node, what was acknowledged by now; an {@link IOException} if it fails. */
  abstract void check(int node) throws IOException, InterruptedException;

  private void moveAround() throws IOException, InterruptedException {
    while (!stopped) {
      Optional<Incarnation> host = settleOn(random.nextInt(nodes.count()));
      if (host.isPresent()) {
        stayWith(host.get());
        checkThroughAnother(host.get().node());
      }
    }
  }

  private Optional<Incarnation> settleOn(int node) throws InterruptedException {
    Optional<Incarnation> incarnation = nodes.incarnation(node);
    if (incarnation.isEmpty()) {
      Thread.sleep(LOOK_MILLIS);
    }
    return incarnation;
  }

  private void stayWith(Incarnation host) throws IOException, InterruptedException {
    Visit visit;
    try {
      visit = visit(host.node(), random.split());
    } catch (IOException e) {
      Thread.sleep(LOOK_MILLIS); // it has gone, or has not got the array yet
      return;
    }
    try (visit) {
      if (!nodes.incarnation(host.node()).equals(Optional.of(host))) {
        return; // who knows which of its lives this connection belongs to; nothing was sent
      }
      var working = CompletableFuture.supplyAsync(() -> work(visit), Env.system().io());
      long since = System.nanoTime();
      boolean out = false;
      while (!working.isDone() && !out) {
        Thread.sleep(LOOK_MILLIS);
        // nobody stays so long while all is well
        out = System.nanoTime() - since > TimeUnit.SECONDS.toNanos(5) && nodes.isOut(host);
      }
      if (out && !working.isDone()) {
        losses++;
        visit.abandon();
        return;
      }
      if (!working.join()) {
        losses++;
        awaitOut(host);
      }
    }
  }

  private static boolean work(Visit visit) {
    try {
      return visit.work();
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private void awaitOut(Incarnation host) throws InterruptedException {
    long since = System.nanoTime();
    while (!nodes.isOut(host)) {
      if (System.nanoTime() - since > PATIENCE_NANOS) {
        throw new AssertionError(
            "%s: %s failed its requests and remains a member".formatted(name, host));
      }
      Thread.sleep(LOOK_MILLIS);
    }
  }

  private void checkThroughAnother(int host) throws InterruptedException {
    long since = System.nanoTime();
    for (int node = host + 1; !stopped; node++) {
      int other = node % nodes.count();
      if (other == host) {
        continue;
      }
      try {
        check(other);
        checks++;
        return;
      } catch (IOException e) {
        Thread.sleep(LOOK_MILLIS); // it is not there, or died meanwhile
      }
      if (System.nanoTime() - since > PATIENCE_NANOS) {
        throw new AssertionError("%s: no node is there to read through".formatted(name));
      }
    }
  }

  /** How often a node was lost to it. */
  int losses() {
    return losses;
  }

  /** How often all that was acknowledged was read through another node. */
  int checks() {
    return checks;
  }

  boolean isStopped() {
    return stopped;
  }

  /** Throws what went wrong, if something did. */
  void assertWell() {
    if (ended.isCompletedExceptionally()) {
      ended.join();
    }
  }

  /** Lets it end what it is doing. */
  void stop() throws InterruptedException {
    stopped = true;
    assertThat(ended).as(name).succeedsWithin(Duration.ofNanos(PATIENCE_NANOS));
  }

  /** What it did, for people. */
  abstract String account();

  @Override
  public void close() throws IOException {
    stopped = true;
  }
}
