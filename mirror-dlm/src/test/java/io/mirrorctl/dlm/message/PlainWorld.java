package io.mirrorctl.dlm.message;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/** Nodes over {@link PlainLocks}. */
final class PlainWorld extends World {
  final PlainLocks locks = new PlainLocks(simulation);
  private final Function<ChannelState, Exchange> exchange;
  private final Map<Integer, PlainLocks.Member> members = new HashMap<>();

  PlainWorld(long seed) {
    this(seed, OwnAcks::new);
  }

  PlainWorld(long seed, Function<ChannelState, Exchange> exchange) {
    super(seed);
    this.exchange = exchange;
  }

  @Override
  BroadcastChannel open(Node node) {
    var member = locks.join(node.process, node.slot);
    members.put(node.slot, member);
    var channel = new BroadcastChannel(member, node.process.loop(), PATIENCE, node, exchange);
    member.listen(channel);
    return channel;
  }

  @Override
  String mode(int slot, String resource) {
    return locks.mode(slot, resource);
  }

  @Override
  boolean isMember(int slot) {
    return locks.slots().contains(slot);
  }

  @Override
  void died(Node node) {
    // at once, too: so that others have not heard yet of what it did last
    Duration lease =
        simulation.random().nextBoolean()
            ? Duration.ofSeconds(2)
            : Duration.ofNanos(simulation.random().nextLong(6_000_000));
    simulation.after(lease, () -> locks.purge(node.slot));
  }

  @Override
  void onChange(Runnable task) {
    locks.onChange(task);
  }
}
