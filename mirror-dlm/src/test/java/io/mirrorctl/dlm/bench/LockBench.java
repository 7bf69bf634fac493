package io.mirrorctl.dlm.bench;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.Delivery;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.zookeeper.ZooKeeperEnsemble;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryOneTime;

/**
 * Measures the lock manager beside plain ZooKeeper operations and Curator's recipes, in turn and in
 * one run, on three real servers that write every commit to disk. Prints Markdown.
 *
 * <p>Arguments: rounds, directory for the servers' data.
 */
public final class LockBench {
  private static final int[] RECEIVERS = {1, 3, 7, 15};
  private static final byte[] DATA = new byte[64];

  private final ZooKeeperEnsemble ensemble;
  private final int rounds;
  private final PrintStream out;
  private final List<AutoCloseable> open = new ArrayList<>();

  private LockBench(ZooKeeperEnsemble ensemble, int rounds, PrintStream out) {
    this.ensemble = ensemble;
    this.rounds = rounds;
    this.out = out;
  }

  public static void main(String[] args) throws Exception {
    int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 300;
    Path directory =
        args.length > 1
            ? Files.createTempDirectory(Path.of(args[1]), "lock-bench")
            : Files.createTempDirectory("lock-bench");
    try (var ensemble = ZooKeeperEnsemble.start(directory)) {
      var bench = new LockBench(ensemble, rounds, System.out);
      bench.run();
      bench.close();
    }
    System.exit(0);
  }

  private void run() throws Exception {
    out.printf(
        "%d rounds, load average at start %.1f%n%n",
        rounds, ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    locks();
    heading("Broadcasts");
    for (int receivers : RECEIVERS) {
      broadcast(receivers, false);
    }
    heading("Broadcasts as md-cluster has them, with one ack for all");
    for (int receivers : RECEIVERS) {
      broadcast(receivers, true);
    }
    new Growth(ensemble, out).print();
    out.printf(
        "Load average at end %.1f%n",
        ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
  }

  private void heading(String title) {
    out.printf("%n%s:%n%n", title);
    out.println(
        "| receivers | setData us | broadcast us | p90 us | times setData | commits in all | reads"
            + " | events |");
    out.println("|--:|--:|--:|--:|--:|--:|--:|--:|");
  }

  private void close() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private BenchNode node(int number) {
    var node = new BenchNode(options(ensemble, number));
    open.add(node);
    return node;
  }

  private CuratorFramework plain(int server) throws Exception {
    var client =
        CuratorFrameworkFactory.newClient(ensemble.connectString(server), new RetryOneTime(100));
    client.start();
    client.blockUntilConnected();
    open.add(client);
    return client;
  }

  /** A setData by one client after the other, each at another server. */
  private void addSetData(Samples samples, String path) throws Exception {
    var clients = List.of(plain(0), plain(1), plain(2));
    clients.getFirst().create().creatingParentsIfNeeded().forPath(path, DATA);
    var turn = new AtomicLong();
    samples.add(
        "setData",
        () -> {
          clients.get((int) (turn.getAndIncrement() % 3)).setData().forPath(path, DATA);
          return null;
        });
  }

  private void locks() throws Exception {
    var samples = new Samples();
    addSetData(samples, "/plain-locks");
    var a = node(1).join("locks");
    var b = node(2).join("locks");
    Lock alone = a.lockspace.lock("alone");
    convert(alone, LockMode.NL);
    samples.add("convert NL to EX", () -> convert(alone, LockMode.EX));
    samples.add("convert EX to NL", () -> convert(alone, LockMode.NL));
    var clientA = plain(1);
    var clientB = plain(2);
    var mutex = new InterProcessMutex(clientA, "/mutex-alone");
    samples.add(
        "Curator mutex acquire",
        () -> {
          mutex.acquire();
          return null;
        });
    samples.add(
        "Curator mutex release",
        () -> {
          mutex.release();
          return null;
        });
    var wanted = new Semaphore(0);
    Lock heldByA = a.lockspace.lock("handed", _ -> wanted.release());
    Lock heldByB = b.lockspace.lock("handed", _ -> wanted.release());
    Lock deafA = a.lockspace.lock("deaf");
    Lock deafB = b.lockspace.lock("deaf");
    convert(heldByA, LockMode.EX);
    convert(heldByB, LockMode.NL);
    var handOver = new HandOver(heldByA, heldByB, Optional.of(wanted));
    samples.add("hand-over", handOver::once);
    convert(deafA, LockMode.EX);
    convert(deafB, LockMode.NL);
    var deaf = new HandOver(deafA, deafB, Optional.empty());
    samples.add("hand-over, holder without blocking callback", deaf::once);
    var mutexA = new InterProcessMutex(clientA, "/mutex-handed");
    var mutexB = new InterProcessMutex(clientB, "/mutex-handed");
    var curatorHandOver = new CuratorHandOver(mutexA, mutexB);
    samples.add("Curator mutex hand-over", curatorHandOver::once);
    samples.run(rounds / 4, rounds);
    curatorHandOver.close();

    double plain = samples.median("setData");
    out.println("| operation | median us | p90 us | times setData |");
    out.println("|---|--:|--:|--:|");
    for (String name :
        List.of(
            "setData",
            "convert NL to EX",
            "convert EX to NL",
            "Curator mutex acquire",
            "Curator mutex release",
            "hand-over",
            "hand-over, holder without blocking callback",
            "Curator mutex hand-over")) {
      out.printf(
          "| %s | %.0f | %.0f | %.2f |%n",
          name, samples.median(name), samples.micros(name, 0.9), samples.median(name) / plain);
    }
    StoreCounts before = a.store.counts();
    convert(alone, LockMode.EX);
    convert(alone, LockMode.NL);
    StoreCounts after = a.store.counts();
    out.printf(
        "%nTwo conversions: %d commits, %d reads.%n%n",
        after.commits() - before.commits(), after.reads() - before.reads());
  }

  private static LockOutcome convert(Lock lock, LockMode mode) {
    LockOutcome outcome = BenchNode.wait(lock.convert(mode));
    if (!(outcome instanceof LockOutcome.Granted)) {
      throw new IllegalStateException("%s to %s: %s".formatted(lock.resource(), mode, outcome));
    }
    return outcome;
  }

  /** Two nodes that take turns: the time from the release to the grant. */
  private static final class HandOver {
    private Lock holder;
    private Lock waiter;
    private final Optional<Semaphore> wanted;

    HandOver(Lock holder, Lock waiter, Optional<Semaphore> wanted) {
      this.holder = holder;
      this.waiter = waiter;
      this.wanted = wanted;
    }

    Long once() throws InterruptedException {
      CompletableFuture<Long> granted =
          waiter.convert(LockMode.EX).thenApply(_ -> System.nanoTime());
      // the request has to be in the queue, and both sides at rest, before the release
      if (wanted.isPresent()) {
        wanted.get().acquire();
      } else {
        Thread.sleep(20);
      }
      long begin = System.nanoTime();
      var released = holder.convert(LockMode.NL);
      long end = BenchNode.wait(granted);
      BenchNode.wait(released);
      Lock next = holder;
      holder = waiter;
      waiter = next;
      return end - begin;
    }
  }

  /** Nodes of their own for each number, which end with it. */
  private void broadcast(int receivers, boolean sharedAck) throws Exception {
    var samples = new Samples();
    String name = (sharedAck ? "shared" : "own") + receivers;
    addSetData(samples, "/plain-" + name);
    var nodes = new ArrayList<BenchNode>();
    for (int i = 0; i <= receivers; i++) {
      var node = new BenchNode(options(ensemble, i));
      nodes.add(node.join(name).open(sharedAck));
    }
    var sender = nodes.getFirst();
    var number = new AtomicLong();
    samples.add("broadcast", () -> send(sender, number.incrementAndGet(), 5 + 2L * receivers));
    int warmUp = rounds / 4;
    samples.run(0, warmUp);
    StoreCounts before = counts(nodes);
    samples.clear();
    samples.run(0, rounds);
    StoreCounts after = counts(nodes);
    double each = rounds;
    out.printf(
        "| %d | %.0f | %.0f | %.0f | %.1f | %.1f | %.1f | %.1f |%n",
        receivers,
        samples.median("setData"),
        samples.median("broadcast"),
        samples.micros("broadcast", 0.9),
        samples.median("broadcast") / samples.median("setData"),
        (after.commits() - before.commits()) / each,
        (after.reads() - before.reads()) / each,
        (after.changes() - before.changes()) / each);
    nodes.forEach(BenchNode::close);
  }

  /** The time until all have answered; what is done after that is waited for, but not counted. */
  private static Long send(BenchNode sender, long number, long restMillis)
      throws InterruptedException {
    long begin = System.nanoTime();
    var message = new ClusterMessage.ChangeCapacity(number);
    Delivery delivery = BenchNode.wait(sender.channel().send(message).outcome());
    long took = System.nanoTime() - begin;
    if (!(delivery instanceof Delivery.Delivered)) {
      throw new IllegalStateException("" + delivery);
    }
    Thread.sleep(restMillis);
    return took;
  }

  private static StoreCounts counts(List<BenchNode> nodes) {
    return nodes.stream()
        .map(node -> node.store.counts())
        .reduce(StoreCounts.NONE, StoreCounts::plus);
  }

  static ZooKeeperOptions options(ZooKeeperEnsemble ensemble, int number) {
    return ZooKeeperOptions.of(ensemble.connectString(number % 3), "/mirrorctl-bench");
  }
}
