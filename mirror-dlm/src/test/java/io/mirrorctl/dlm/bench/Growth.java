package io.mirrorctl.dlm.bench;

import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.zookeeper.ZooKeeperEnsemble;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;

/** What idle nodes and resting locks cost. */
final class Growth {
  private static final int[] NODES = {2, 4, 8, 16};
  private static final int[] RESOURCES = {1, 10, 100, 1000};
  private static final int IDLE_MILLIS = 2000;
  private static final Pattern WATCHES = Pattern.compile("Total watches:(\\d+)");

  private final ZooKeeperEnsemble ensemble;
  private final PrintStream out;

  Growth(ZooKeeperEnsemble ensemble, PrintStream out) {
    this.ensemble = ensemble;
    this.out = out;
  }

  void print() throws Exception {
    // what is loaded and filled once is not what a node or lock costs
    var nowhere = new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    var warmUp = new Growth(ensemble, nowhere);
    warmUp.idle(1);
    warmUp.resting(999);
    out.printf(
        "%nIdle nodes with a channel, after a broadcast of each, for %d ms:%n%n", IDLE_MILLIS);
    out.println("| nodes | commits | reads | events | watches per node | KiB per node |");
    out.println("|--:|--:|--:|--:|--:|--:|");
    for (int nodes : NODES) {
      idle(nodes);
    }
    out.printf("%nLocks of one node that rest in NL after EX, for %d ms:%n%n", IDLE_MILLIS);
    out.println("| resources | commits | reads | events | watches | bytes per lock |");
    out.println("|--:|--:|--:|--:|--:|--:|");
    for (int resources : RESOURCES) {
      resting(resources);
    }
    out.println();
  }

  private void idle(int count) throws Exception {
    long watchesBefore = watches();
    long memoryBefore = memory();
    var nodes = new ArrayList<BenchNode>();
    for (int i = 0; i < count; i++) {
      nodes.add(new BenchNode(LockBench.options(ensemble, i)).join("idle" + count).open(false));
    }
    for (BenchNode node : nodes) {
      BenchNode.wait(node.channel().send(new ClusterMessage.ResyncFinished()).outcome());
    }
    Thread.sleep(IDLE_MILLIS);
    StoreCounts before = counts(nodes);
    Thread.sleep(IDLE_MILLIS);
    StoreCounts after = counts(nodes);
    out.printf(
        "| %d | %d | %d | %d | %.1f | %s |%n",
        count,
        after.commits() - before.commits(),
        after.reads() - before.reads(),
        after.changes() - before.changes(),
        (watches() - watchesBefore) / (double) count,
        count < 8 ? "" : "%.0f".formatted((memory() - memoryBefore) / 1024.0 / count));
    nodes.forEach(BenchNode::close);
  }

  private void resting(int count) throws Exception {
    var node = new BenchNode(LockBench.options(ensemble, 0)).join("resting" + count);
    long watchesBefore = watches();
    long memoryBefore = memory();
    var locks = new ArrayList<Lock>();
    for (int i = 0; i < count; i++) {
      locks.add(node.lockspace.lock("r" + i));
    }
    for (LockMode mode : List.of(LockMode.EX, LockMode.NL)) {
      var all = locks.stream().map(lock -> lock.convert(mode)).toArray(CompletableFuture<?>[]::new);
      BenchNode.wait(CompletableFuture.allOf(all));
    }
    Thread.sleep(IDLE_MILLIS / 4);
    StoreCounts before = node.store.counts();
    Thread.sleep(IDLE_MILLIS);
    StoreCounts after = node.store.counts();
    out.printf(
        "| %d | %d | %d | %d | %d | %s |%n",
        count,
        after.commits() - before.commits(),
        after.reads() - before.reads(),
        after.changes() - before.changes(),
        watches() - watchesBefore,
        count < 1000 ? "" : "%.0f".formatted((memory() - memoryBefore) / (double) count));
    node.close();
  }

  private static StoreCounts counts(List<BenchNode> nodes) {
    return nodes.stream()
        .map(node -> node.store.counts())
        .reduce(StoreCounts.NONE, StoreCounts::plus);
  }

  /** Bytes in use after a collection. */
  private static long memory() {
    System.gc();
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  /** Of all servers together. */
  private long watches() throws IOException {
    long sum = 0;
    for (int server = 0; server < 3; server++) {
      String address = ensemble.connectString(server);
      int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
      try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        socket.getOutputStream().write("wchs".getBytes(StandardCharsets.US_ASCII));
        String answer =
            new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        var found = WATCHES.matcher(answer);
        if (found.find()) {
          sum += Long.parseLong(found.group(1));
        }
      }
    }
    return sum;
  }
}
