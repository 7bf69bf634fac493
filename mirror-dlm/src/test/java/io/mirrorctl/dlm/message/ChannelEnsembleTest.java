package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Proposal;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.FaultyStore.Fault;
import io.mirrorctl.dlm.zookeeper.ChildJvm;
import io.mirrorctl.dlm.zookeeper.ZooKeeperEnsemble;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Broadcasts of nodes with real memberships on three real servers, with the sender, a receiver or a
 * joiner failing at every step of the exchange.
 */
class ChannelEnsembleTest {
  private static final AtomicInteger ROOTS = new AtomicInteger();
  private static final Delivery DELIVERED = new Delivery.Delivered(Bits256.NONE);
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int AT_ONCE = 12;

  /** For a message to two receivers: the message, an ask for each, the end. */
  private static final int COMMITS_OF_SENDER = 4;

  private static final int COMMITS_OF_JOINER = 2;

  /** To be killed before a commit is, for the servers, to be killed after the one before. */
  private static final List<Fault> QUICK =
      List.of(Fault.KILL_AFTER, Fault.EXPIRE, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER);

  private static final ClusterMessage PROPOSAL = new Remove(1);
  private static final ClusterMessage FACT = new ChangeCapacity(2);
  private static final ClusterMessage LAST = new ChangeCapacity(3);

  private static ZooKeeperEnsemble ensemble;

  @BeforeAll
  static void start(@TempDir Path directory) {
    ensemble = ZooKeeperEnsemble.start(directory);
  }

  @AfterAll
  static void stop() {
    ensemble.close();
  }

  /** Nodes of one cluster, each at another server. */
  private static final class Nodes implements AutoCloseable {
    final List<RealNode> all = new ArrayList<>();
    final CommitLog log = new CommitLog();
    private final String root = "/channel-" + ROOTS.incrementAndGet();
    private final Duration limit;

    Nodes(Duration limit) {
      this.limit = limit;
    }

    RealNode node() {
      int number = all.size() + 1;
      var node = new RealNode(ensemble.connectString(number % 3), root, number, limit, log);
      all.add(node);
      return node;
    }

    /** All that are alive have applied all messages, in one order. */
    void assertOneOrder(String where) {
      var order = new TotalOrder();
      all.forEach(node -> order.add(where + ": " + node, node.applied, node.sent));
      all.forEach(node -> order.assertNoneMissed(where + ": " + node, node.applied, node.sent));
      for (var node : all) {
        assertThat(node.bugs()).as(where).isEmpty();
      }
    }

    @Override
    public void close() {
      all.forEach(RealNode::close);
    }
  }

  private enum Role {
    SENDER,
    RECEIVER,
    JOINER
  }

  /** Something happens to one node at one of its commits. */
  private record Failure(Role victim, Fault fault, int commit, List<ClusterMessage> messages) {
    @Override
    public String toString() {
      return "%s of the %s at its commit %d, messages %s"
          .formatted(fault, victim, commit, messages);
    }
  }

  private static Stream<Failure> failures(
      Role victim, List<Fault> faults, List<ClusterMessage> messages) {
    int commits =
        switch (victim) {
          case SENDER -> COMMITS_OF_SENDER * messages.size();
          case RECEIVER -> messages.size();
          case JOINER -> COMMITS_OF_JOINER;
        };
    return faults.stream()
        .flatMap(fault ->
            IntStream.rangeClosed(1, commits)
                .mapToObj(commit -> new Failure(victim, fault, commit, messages)));
  }

  private static Stream<Failure> failures(List<Fault> faults, List<ClusterMessage> messages) {
    return Stream.of(Role.values()).flatMap(victim -> failures(victim, faults, messages));
  }

  @Test
  void whateverFailsAtWhateverStepTheOthersAgreeAndGoOn() throws InterruptedException {
    run(failures(QUICK, List.of(PROPOSAL)));
  }

  @Tag("nightly")
  @Test
  void whateverFailsAtWhateverStepOfTwoMessagesTheOthersAgreeAndGoOn() throws InterruptedException {
    run(
        Stream.concat(
            failures(List.of(Fault.values()), List.of(PROPOSAL, FACT)),
            failures(List.of(Fault.values()), List.of(FACT, PROPOSAL))));
  }

  private static void run(Stream<Failure> failures) throws InterruptedException {
    try (var workers = Executors.newFixedThreadPool(AT_ONCE)) {
      List<Future<?>> running = new ArrayList<>();
      failures.forEach(failure -> running.add(workers.submit(() -> exchange(failure))));
      for (Future<?> each : running) {
        try {
          each.get();
        } catch (ExecutionException e) {
          workers.shutdownNow();
          throw new AssertionError(e.getCause());
        }
      }
    }
  }

  /** A sender and two receivers. */
  private static void exchange(Failure failure) {
    String where = failure.toString();
    try (var nodes = new Nodes(RealNode.LIMIT)) {
      var sender = nodes.node().joined();
      var receiver = nodes.node().joined();
      var other = nodes.node().joined();
      RealNode victim =
          switch (failure.victim()) {
            case SENDER -> sender;
            case RECEIVER -> receiver;
            case JOINER -> nodes.node().enter();
          };
      // so that the sender's first commit is not one that is refused, as it knows an older record
      sender.sendAndRest(new ChangeCapacity(9));
      nodes.all.forEach(node -> node.applied.clear());
      long begin = nodes.log.last();
      victim.failAt(failure.commit(), failure.fault());
      var joining =
          failure.victim() == Role.JOINER
              ? victim.takePart()
              : CompletableFuture.<Void>completedFuture(null);
      var deliveries = failure.messages().stream().map(sender::send).toList();
      if (failure.fault().isDeath()) {
        await().atMost(PATIENCE).until(() -> !victim.isAlive());
      }
      if (sender.isAlive()) {
        deliveries.forEach(
            delivery -> assertThat(RealNode.wait(delivery)).as(where).isEqualTo(DELIVERED));
      }
      if (victim.isAlive()) {
        RealNode.wait(joining);
      }
      if (failure.fault().isDeath()) {
        assertDrawn(nodes, begin, failure);
      }
      assertThat(RealNode.wait(other.send(LAST))).as(where).isEqualTo(DELIVERED);

      if (!failure.fault().isDeath()) {
        assertDrawn(nodes, begin, failure);
      }
      nodes.assertOneOrder(where);
      for (var node : nodes.all) {
        assertThat(node.isAlive())
            .as("%s: %s", where, node)
            .isEqualTo(node != victim || !failure.fault().isDeath());
      }
      assertHeard(failure, receiver, other);
    }
  }

  private static List<ClusterMessage> heard(RealNode node) {
    return node.applied.stream().map(Envelope::message).toList();
  }

  private static void assertHeard(Failure failure, RealNode receiver, RealNode other) {
    List<ClusterMessage> heard = new ArrayList<>(heard(other));
    if (failure.victim() != Role.SENDER || !failure.fault().isDeath()) {
      assertThat(heard).as("%s", failure).isEqualTo(failure.messages());
    } else if (failure.fault() != Fault.EXPIRE) {
      boolean done = failure.fault() == Fault.KILL_AFTER;
      assertThat(heard)
          .as("%s", failure)
          .isEqualTo(heardOfDead(failure, failure.commit() - (done ? 0 : 1), other.applied));
    }
    if (receiver.isAlive()) {
      heard.add(LAST);
      assertThat(heard(receiver)).as("%s", failure).isEqualTo(heard);
    }
  }

  /** What is heard of a sender that has died after so many commits: a proposal is undone. */
  private static List<ClusterMessage> heardOfDead(
      Failure failure, int commits, List<Envelope> applied) {
    var messages = failure.messages();
    int complete = commits / COMMITS_OF_SENDER;
    var heard = new ArrayList<>(messages.subList(0, complete));
    if (commits % COMMITS_OF_SENDER != 0) {
      assertThat(applied).as("%s", failure).hasSizeGreaterThan(complete);
      heard.add(messages.get(complete));
      if (messages.get(complete) instanceof Proposal) {
        heard.add(new Abort(applied.get(complete).sequence()));
      }
    }
    return heard;
  }

  /** Step by step as in the table, for each message; a death ends it somewhere. */
  private static void assertDrawn(Nodes nodes, long begin, Failure failure) {
    if (failure.victim() == Role.JOINER) {
      return;
    }
    var table = ExchangeTable.read("The exchange").rows();
    var drawn = new ArrayList<>(table);
    for (int i = 1; i < failure.messages().size(); i++) {
      // the last step is the first of the next message
      drawn.addAll(table.subList(1, table.size()));
    }
    // of the last commits of a session that is over one hears late
    for (int receiver = 1; receiver <= 2; receiver++) {
      int slot = receiver;
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> {
            var rows = nodes.log.rows(0, slot, begin);
            if (failure.fault().isDeath()) {
              assertThat(rows).as("%s", failure).isEqualTo(drawn.subList(0, rows.size()));
            } else {
              // others send after it
              assertThat(rows)
                  .as("%s", failure)
                  .startsWith(drawn.toArray(ExchangeTable.Row[]::new));
            }
          });
    }
  }

  @Test
  void messagesOfManySendersAtOnceHaveOneOrder() {
    try (var nodes = new Nodes(RealNode.LIMIT)) {
      for (int i = 0; i < 4; i++) {
        nodes.node().joined();
      }
      var deliveries = new ArrayList<CompletableFuture<Delivery>>();
      int each = 3;
      for (int i = 1; i <= each; i++) {
        for (var node : nodes.all) {
          deliveries.add(node.send(new ChangeCapacity(100 * i + node.number)));
        }
      }
      deliveries.forEach(delivery -> assertThat(RealNode.wait(delivery)).isEqualTo(DELIVERED));
      nodes.assertOneOrder("many senders");
      for (var node : nodes.all) {
        assertThat(node.applied).hasSize(3 * each);
        assertThat(node.isAlive()).isTrue();
      }
    }
  }

  @Test
  void aReceiverThatNeverAnswersIsEjectedThroughTheMembershipAndTheSenderGoesOn() {
    try (var nodes = new Nodes(Duration.ofMillis(500))) {
      var sender = nodes.node().joined();
      var silent = nodes.node().joined();
      var other = nodes.node().joined();
      silent.answers = _ -> new CompletableFuture<>();

      assertThat(RealNode.wait(sender.send(new Remove(1)))).isEqualTo(DELIVERED);

      assertThat(heard(other)).containsExactly(new Remove(1));
      assertThat(silent.applied).hasSize(1);
      await().atMost(PATIENCE).until(() -> silent.ends.size() == 2);
      assertThat(silent.ends.getFirst()).startsWith("EJECTED").contains("node 1", "500 ms");
      assertThat(silent.membership().lease().isValid()).isFalse();
      assertThat(RealNode.wait(other.send(new Remove(2)))).isEqualTo(DELIVERED);
      var again = nodes.node().joined();
      assertThat(RealNode.wait(sender.send(new Remove(3)))).isEqualTo(DELIVERED);
      assertThat(heard(again)).containsExactly(new Remove(3));
      nodes.assertOneOrder("a silent receiver");
    }
  }

  @Test
  void whoJoinsInMidExchangeHearsTheNextMessageAndNotThatOne() {
    try (var nodes = new Nodes(RealNode.LIMIT)) {
      var sender = nodes.node().joined();
      var slow = nodes.node().joined();
      var joiner = nodes.node().enter();
      var answer = new CompletableFuture<Answer>();
      slow.answers = _ -> answer;
      var delivery = sender.send(new Remove(1));
      await().atMost(PATIENCE).until(() -> slow.applied.size() == 1);
      var joining = joiner.takePart();
      var late = nodes.node().enter();
      assertThat(joining).isNotDone();
      slow.answers = _ -> RealNode.ACCEPTED;
      answer.complete(new Answer.Accepted());

      assertThat(RealNode.wait(delivery)).isEqualTo(DELIVERED);
      RealNode.wait(joining);
      RealNode.wait(late.takePart());
      assertThat(RealNode.wait(slow.send(new Remove(2)))).isEqualTo(DELIVERED);
      for (var each : List.of(sender, joiner, late)) {
        assertThat(heard(each)).containsExactly(new Remove(2));
      }
      nodes.assertOneOrder("a joiner");
    }
  }

  /** A node in a process of its own. */
  private static final class Child implements AutoCloseable {
    private final ChildJvm process;
    private final List<String> said = new CopyOnWriteArrayList<>();

    Child(Nodes nodes, int number) {
      process =
          ChildJvm.start(
              ChannelChild.class,
              List.of("-Xmx64m"),
              ensemble.connectString(number % 3),
              nodes.root,
              Integer.toString(number));
      Thread.ofPlatform().daemon(true).start(() -> process.output().lines().forEach(said::add));
      awaitSaid("joined");
    }

    void awaitSaid(String what) {
      await().atMost(PATIENCE).until(() -> said.stream().anyMatch(l -> l.startsWith("> " + what)));
    }

    void command(String line) {
      try {
        Writer writer = process.process().outputWriter();
        writer.write(line + "\n");
        writer.flush();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() {
      process.close();
    }
  }

  @Test
  void aSenderWhoseProcessIsKilledInMidExchangeIsHeardByAll() {
    try (var nodes = new Nodes(RealNode.LIMIT)) {
      var quick = nodes.node().joined();
      var slow = nodes.node().joined();
      var answer = new CompletableFuture<Answer>();
      slow.answers = _ -> answer;
      try (var child = new Child(nodes, 3)) {
        child.command("7");
        await().atMost(PATIENCE).until(() -> slow.applied.size() == 1);
        child.process.kill();
      }
      slow.answers = _ -> RealNode.ACCEPTED;
      answer.complete(new Answer.Accepted());

      assertThat(RealNode.wait(quick.send(PROPOSAL))).isEqualTo(DELIVERED);
      assertThat(heard(slow)).containsExactly(new ChangeCapacity(7), PROPOSAL);
      assertThat(heard(quick)).containsExactly(new ChangeCapacity(7));
      var begun = (Begun.Open) RealNode.wait(slow.channel().begin().outcome());
      assertThat(begun.transaction().interrupted()).isTrue();
      RealNode.wait(begun.transaction().end());
      nodes.assertOneOrder("a sender that was killed");
    }
  }

  @Test
  void aReceiverWhoseProcessIsKilledInMidExchangeIsWaitedForNoLongerThanItsLease() {
    try (var nodes = new Nodes(RealNode.LIMIT)) {
      var sender = nodes.node().joined();
      var other = nodes.node().joined();
      try (var child = new Child(nodes, 3)) {
        child.command("silent");
        child.awaitSaid("silent");
        var delivery = sender.send(FACT);
        child.awaitSaid("heard " + FACT);
        assertThat(delivery).isNotDone();
        child.process.kill();
        assertThat(RealNode.wait(delivery)).isEqualTo(DELIVERED);
      }
      var again = nodes.node().joined();
      assertThat(RealNode.wait(again.send(new ChangeCapacity(8)))).isEqualTo(DELIVERED);
      assertThat(heard(other)).containsExactly(FACT, new ChangeCapacity(8));
      nodes.assertOneOrder("a receiver that was killed");
    }
  }
}
