package io.mirrorctl.cli.cluster;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterNode;
import io.mirrorctl.dlm.member.HoldCause;
import io.mirrorctl.dlm.member.Incarnation;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/** What one incarnation of the node hears, told on in the order in which it came. */
final class Life implements ClusterNode.Listener {
  private final String self;
  private final IntFunction<String> names;
  private final Consumer<ClusterEvent> events;
  private final Executor sequence;
  private final CompletableFuture<String> halted = new CompletableFuture<>();
  private final Env env;
  private boolean held;

  /** What holds I/O now, and since when. */
  private volatile Optional<Held> hold = Optional.empty();

  private record Held(HoldCause cause, long sinceMillis) {}

  /**
   * @param names gives a node's name for its number; may block
   * @param sequence on which events are told
   */
  Life(
      String self,
      IntFunction<String> names,
      Consumer<ClusterEvent> events,
      Executor sequence,
      Env env) {
    this.env = env;
    this.self = self;
    this.names = names;
    this.events = events;
    this.sequence = sequence;
  }

  /** Complete, with the reason, when the incarnation is over without having left. */
  CompletableFuture<String> halted() {
    return halted;
  }

  /** Why I/O is held, if it is. */
  Optional<ClusterLook.Hold> hold() {
    return hold.map(now -> new ClusterLook.Hold(now.cause(), env.millis() - now.sinceMillis()));
  }

  @Override
  public void nodeUp(Incarnation node) {
    sequence.execute(() -> events.accept(ClusterEvent.nodeUp(names.apply(node.node()))));
  }

  @Override
  public void nodeDown(Incarnation node, boolean clean) {
    sequence.execute(() -> events.accept(ClusterEvent.nodeDown(names.apply(node.node()), clean)));
  }

  @Override
  public void ioHeld(Optional<HoldCause> cause) {
    hold = cause.map(why -> new Held(why, env.millis()));
    if (cause.filter(c -> c == HoldCause.JOINING || c == HoldCause.LEAVING).isPresent()) {
      return; // nothing else can be expected then
    }
    sequence.execute(() -> {
      if (cause.isPresent()) {
        held = true;
        boolean lease = cause.get() == HoldCause.LEASE;
        String why =
            lease
                ? "I/O waits: ZooKeeper has not renewed the lease"
                : "I/O waits while the nodes agree on who is there";
        events.accept(ClusterEvent.ioHeld(self, why, lease));
      } else if (held) {
        held = false;
        events.accept(ClusterEvent.ioResumed(self));
      }
    });
  }

  @Override
  public void halted(String reason) {
    halted.complete(reason);
  }
}
