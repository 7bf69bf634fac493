package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.simulation.SimulatedNode;
import io.mirrorctl.dlm.simulation.Simulation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A few nodes with a channel each, and what every run has to keep. */
abstract class World {
  static final Duration PATIENCE = Duration.ofSeconds(10);

  final Simulation simulation;
  final List<Node> nodes = new ArrayList<>();

  /** What was applied, by its number: the one order. */
  private final Map<Integer, ClusterMessage> order = new HashMap<>();

  World(long seed) {
    this.simulation = new Simulation(seed);
  }

  /** Makes the node's part in the lockspace and a channel on it. */
  abstract BroadcastChannel open(Node node);

  /** Mode of a slot on a resource, {@code CR->EX} if it waits, {@code -} if it has none. */
  abstract String mode(int slot, String resource);

  /** Whether the slot's member is in the lockspace. */
  abstract boolean isMember(int slot);

  /** The node's process is gone: tells membership, some time later. */
  abstract void died(Node node);

  /** Runs the task after each change of the locks. */
  abstract void onChange(Runnable task);

  /** A node that has joined and let the token go. */
  Node joined() {
    Node node = start();
    Transaction transaction = done(node.join());
    done(transaction.end());
    return node;
  }

  Node start() {
    var node = new Node(nodes.size());
    nodes.add(node);
    node.channel = open(node);
    return node;
  }

  <T> T done(CompletableFuture<T> future) {
    boolean complete = simulation.runUntil(future::isDone, Duration.ofMinutes(5));
    assertThat(complete).as("%s: waits for ever", simulation).isTrue();
    return future.join();
  }

  /** Whether a node is on its way into the lockspace. */
  boolean starting() {
    return nodes.stream().anyMatch(node -> node.channel == null);
  }

  /** The nodes that take part now. */
  List<Node> alive() {
    return nodes.stream().filter(Node::isAlive).toList();
  }

  /** One node. */
  final class Node implements ChannelListener {
    final SimulatedNode process;
    final int slot;
    BroadcastChannel channel;
    final List<Envelope> applied = new ArrayList<>();
    final List<String> halts = new ArrayList<>();
    final Set<Integer> ejected = new HashSet<>();
    private final List<CompletableFuture<?>> asked = new ArrayList<>();
    private boolean joined;

    /** Its lockspace has ended for this node. */
    boolean over;

    private boolean closing;
    private boolean applying;
    Function<Envelope, Answer> answers = _ -> new Answer.Accepted();
    boolean silent;
    long applyNanos = 3_000_000;

    private Node(int slot) {
      this.slot = slot;
      process = simulation.node("n" + slot);
    }

    boolean isAlive() {
      return channel != null && !process.isKilled() && halts.isEmpty() && !over;
    }

    CompletableFuture<Transaction> join() {
      return watched(channel.join().outcome())
          .thenApply(begun -> {
            joined = !closing;
            return ((Begun.Open) begun).transaction();
          });
    }

    CompletableFuture<Delivery> send(ClusterMessage message) {
      return watched(channel.send(message).outcome())
          .thenApply(delivery -> checked(message, delivery));
    }

    /** Notes a future that must not stay open while the node lives. */
    <T> CompletableFuture<T> watched(CompletableFuture<T> future) {
      asked.add(future);
      return future;
    }

    Delivery checked(ClusterMessage message, Delivery delivery) {
      if (delivery instanceof Delivery.Delivered) {
        for (Node other : nodes) {
          if (other != this && other.joined && other.isAlive() && isMember(other.slot)) {
            assertThat(other.applied)
                .as("%s: n%d goes on, n%d has to have applied it", simulation, slot, other.slot)
                .anyMatch(envelope -> envelope.message().equals(message));
          }
        }
      }
      return delivery;
    }

    CompletableFuture<Void> close() {
      closing = true;
      joined = false;
      return watched(channel.close());
    }

    void kill() {
      process.kill();
      died(this);
    }

    @Override
    public CompletableFuture<Answer> receive(Envelope envelope) {
      assertThat(applying).as("%s: n%d applies one at a time", simulation, slot).isFalse();
      boolean seesThrough =
          envelope.message() instanceof ClusterMessage.Abort || !isMember(envelope.sender());
      assertThat(seesThrough || !channel.holdsToken())
          .as("%s: n%d does not receive while it sends", simulation, slot)
          .isTrue();
      if (!applied.isEmpty()) {
        assertThat(envelope.sequence())
            .as("%s: n%d applies each once, in order", simulation, slot)
            .isGreaterThan(applied.getLast().sequence());
      }
      applied.add(envelope);
      ClusterMessage before = order.putIfAbsent(envelope.sequence(), envelope.message());
      assertThat(before == null || before.equals(envelope.message()))
          .as("%s: one order: %s and %s", simulation, before, envelope)
          .isTrue();
      var answer = new CompletableFuture<Answer>();
      if (!silent) {
        applying = true;
        process
            .loop()
            .after(
                Duration.ofNanos(simulation.random().nextLong(1 + applyNanos)),
                () -> {
                  applying = false;
                  try {
                    answer.complete(answers.apply(envelope));
                  } catch (IllegalStateException e) {
                    answer.completeExceptionally(e);
                  }
                });
      }
      return answer;
    }

    @Override
    public void eject(int victim, String reason) {
      ejected.add(victim);
      if (victim < nodes.size()) {
        nodes.get(victim).kill();
      }
    }

    @Override
    public void halt(String reason) {
      halts.add(reason);
      kill();
    }
  }

  /** Goes on until all is over, then looks whether everybody alive has seen all, once. */
  void settle() {
    boolean quiet =
        simulation.runUntil(
            () ->
                alive().stream()
                    .allMatch(node -> node.asked.stream().allMatch(CompletableFuture::isDone)),
            Duration.ofMinutes(10));
    if (!quiet) {
      throw new AssertionError("%s: somebody waits for ever: %s".formatted(simulation, locks()));
    }
    simulation.run(Duration.ofMinutes(1));
    Set<Integer> numbers = new HashSet<>();
    for (Node node : alive()) {
      if (node.joined) {
        assertThat(mode(node.slot, node.channel.ownAck()))
            .as("%s: n%d is armed again: %s", simulation, node.slot, locks())
            .isEqualTo("CR");
        numbers.add(node.channel.sequence());
      }
    }
    assertThat(numbers).as("%s: all stand at one message", simulation).hasSizeLessThan(2);
  }

  final String locks() {
    var text = new StringBuilder();
    for (Node node : nodes) {
      text.append("n%d".formatted(node.slot));
      for (String resource :
          List.of(ChannelLocks.TOKEN, ChannelLocks.MESSAGE, node.channel.ownAck())) {
        text.append(' ').append(resource).append(' ').append(mode(node.slot, resource));
      }
      text.append("; ");
    }
    return text.toString();
  }
}
