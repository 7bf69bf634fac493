package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.History.Event;
import io.mirrorctl.dlm.lock.History.What;
import io.mirrorctl.dlm.zookeeper.ChildJvm;
import io.mirrorctl.dlm.zookeeper.ZooKeeperEnsemble;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real nodes with real memberships and leases against three real servers, while servers are killed
 * and stopped, and nodes are stopped for longer than their sessions and killed. What they write
 * down has to satisfy {@link HistoryChecker}; a node's locks count while its own lease lasts.
 *
 * <p>{@code -Dmirrorctl.lock.seconds=N} says how long the faults go on.
 */
class RealNodesTest {
  private static final Duration PATIENCE = Duration.ofMinutes(5);
  private static final int PROCESSES = 3;
  private static final int NODES_EACH = 2;

  @TempDir private Path directory;

  @Test
  void everyPromiseIsKeptByRealNodes() throws InterruptedException {
    run(Duration.ofSeconds(Long.getLong("mirrorctl.lock.seconds", 60)));
  }

  @Tag("nightly")
  @Test
  void everyPromiseIsKeptByRealNodesForAnHour() throws InterruptedException {
    run(Duration.ofSeconds(Long.getLong("mirrorctl.lock.seconds", 3600)));
  }

  private void run(Duration time) throws InterruptedException {
    long seed = Long.getLong("mirrorctl.lock.seed", System.nanoTime());
    SplittableRandom random = new SplittableRandom(seed);
    long end = System.nanoTime() + time.toNanos();
    try (ZooKeeperEnsemble ensemble = ZooKeeperEnsemble.start(directory)) {
      List<Child> children = new ArrayList<>();
      for (int i = 0; i < PROCESSES; i++) {
        children.add(new Child(ensemble.connectString(), i, end, random));
      }
      while (System.nanoTime() < end) {
        TimeUnit.MILLISECONDS.sleep(random.nextInt(500, 3000));
        fault(random, ensemble, children);
      }
      List<Event> events = new ArrayList<>();
      for (Child child : children) {
        child.finish();
        events.addAll(child.events);
      }
      History history = new History();
      events.forEach(event -> history.add(event.time(), event.node(), event.what()));
      long grants = events.stream().filter(e -> e.what() instanceof What.Granted).count();
      assertThat(HistoryChecker.check(history.events())).as("seed %d", seed).isEmpty();
      assertThat(grants).as("grants in %s", time).isGreaterThan(10);
      System.out.printf(
          "seed %d: %d grants to %d incarnations, %d callbacks of deaths, in %s%n",
          seed,
          grants,
          events.stream().map(Event::node).distinct().count(),
          events.stream().filter(RealNodesTest::isDeath).count(),
          time);
    }
  }

  private static boolean isDeath(Event event) {
    return event.what() instanceof What.Callback(String text, long _) && text.startsWith("slot");
  }

  private static void fault(
      SplittableRandom random, ZooKeeperEnsemble ensemble, List<Child> children)
      throws InterruptedException {
    int server = random.nextInt(3);
    Child child = children.get(random.nextInt(children.size()));
    switch (random.nextInt(6)) {
      case 0 -> {
        ensemble.kill(server);
        TimeUnit.MILLISECONDS.sleep(random.nextInt(200, 2500));
        ensemble.start(server);
        ensemble.awaitAll();
      }
      case 1 -> {
        ensemble.pause(server);
        TimeUnit.MILLISECONDS.sleep(random.nextInt(200, 4000));
        ensemble.resume(server);
        ensemble.awaitAll();
      }
      case 2 -> {
        ensemble.kill(ensemble.leader());
        TimeUnit.MILLISECONDS.sleep(500);
        for (int i = 0; i < 3; i++) {
          if (!ensemble.isAlive(i)) {
            ensemble.start(i);
          }
        }
        ensemble.awaitAll();
      }
      case 3 -> child.pause(random.nextInt(100, 2000));
      case 4 -> child.pause(random.nextInt(4000, 9000));
      default -> child.restart();
    }
  }

  /** A process, and after it was killed the next in its place. */
  private static final class Child {
    private final String servers;
    private final int place;
    private final long end;
    private final SplittableRandom random;
    private final List<Event> events = new ArrayList<>();
    private final Set<String> last = new HashSet<>();
    private ChildJvm process;
    private CompletableFuture<Optional<String>> reading;
    private final Queue<String> words = new ConcurrentLinkedQueue<>();

    Child(String servers, int place, long end, SplittableRandom random) {
      this.servers = servers;
      this.place = place;
      this.end = end;
      this.random = random.split();
      begin();
    }

    private void begin() {
      last.clear();
      words.clear();
      List<String> arguments =
          new ArrayList<>(List.of(servers, Long.toString(end), Long.toString(random.nextLong())));
      for (int i = 0; i < NODES_EACH; i++) {
        arguments.add(Integer.toString(1 + place * NODES_EACH + i));
      }
      process =
          ChildJvm.start(LockChild.class, List.of("-Xmx96m"), arguments.toArray(String[]::new));
      BufferedReader output = process.output();
      reading = new CompletableFuture<>();
      Thread reader = Thread.ofPlatform().daemon(true).unstarted(() -> read(output, reading));
      reader.start();
    }

    /** Completes with nothing when the child is done, with its last words when it has ended. */
    private void read(BufferedReader output, CompletableFuture<Optional<String>> done) {
      try {
        for (String line = output.readLine(); line != null; line = output.readLine()) {
          if (line.equals(LockChild.DONE)) {
            done.complete(Optional.empty());
          } else if (line.contains("\tnode ")) {
            Event event = HistoryLines.event(line);
            events.add(event);
            last.add(event.node());
          } else {
            words.add(line);
          }
        }
      } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
        words.add(e.toString());
      }
      done.complete(Optional.of(String.join("\n", words)));
    }

    void pause(int millis) throws InterruptedException {
      process.pause();
      TimeUnit.MILLISECONDS.sleep(millis);
      process.resume();
    }

    /** SIGKILL; what was written before is read first. */
    void restart() {
      boolean wasAlive = process.isAlive();
      process.kill();
      var _ = reading.orTimeout(1, TimeUnit.MINUTES).join();
      assertThat(wasAlive).as("a child ended by itself: %s", words).isTrue();
      long now = System.nanoTime();
      last.forEach(node -> events.add(new Event(now, node, new What.Over())));
      begin();
    }

    void finish() {
      try {
        Optional<String> end =
            reading
                .completeOnTimeout(
                    Optional.of("takes too long"), PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .join();
        assertThat(end).as("end of a child that said%n%s", String.join("\n", words)).isEmpty();
      } finally {
        process.close();
      }
    }
  }
}
