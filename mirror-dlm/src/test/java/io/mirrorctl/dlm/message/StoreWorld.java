package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.lock.RecordPeek;
import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.simulation.MemoryServers;
import io.mirrorctl.dlm.simulation.MemoryStore;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** Nodes with lockspaces on a simulated store, and a membership that knows everything. */
final class StoreWorld extends World {
  private static final LockspaceSettings SETTINGS = new LockspaceSettings(32, Map.of());

  final MemoryServers servers = new MemoryServers(simulation);
  final Map<Integer, Member> members = new HashMap<>();
  private final Set<Long> view = new HashSet<>();
  private final Function<ChannelState, Exchange> exchange;
  private long nextIncarnation = 1;

  StoreWorld(long seed) {
    this(seed, OwnAcks::new);
  }

  StoreWorld(long seed, Function<ChannelState, Exchange> exchange) {
    super(seed);
    this.exchange = exchange;
  }

  @Override
  BroadcastChannel open(Node node) {
    var member = new Member(node);
    members.put(node.slot, member);
    return member.open();
  }

  @Override
  String mode(int slot, String resource) {
    return servers
        .peek("/lockspaces/array/locks/" + resource)
        .map(Entry::data)
        .map(stored -> RecordPeek.mode(stored, slot))
        .orElse("-");
  }

  @Override
  boolean isMember(int slot) {
    return view.contains(members.get(slot).incarnation);
  }

  @Override
  void died(Node node) {
    Duration lease =
        simulation.random().nextBoolean()
            ? Duration.ofSeconds(2)
            : Duration.ofNanos(simulation.random().nextLong(6_000_000));
    simulation.after(
        lease,
        () -> {
          if (view.remove(members.get(node.slot).incarnation)) {
            tellView();
          }
        });
  }

  private void tellView() {
    Set<Long> now = Set.copyOf(view);
    long next = nextIncarnation;
    members
        .values()
        .forEach(member -> member.node.process.loop().execute(() -> member.sees(now, next)));
  }

  @Override
  void onChange(Runnable task) {
    servers.onCommit(done -> {
      if (done.ops().stream().anyMatch(op -> op.path().contains("/locks/"))) {
        task.run();
      }
    });
  }

  /** A node in cluster and lockspace. */
  final class Member implements Standing, LockspaceListener {
    final Node node;
    final MemoryStore store;
    final long incarnation = nextIncarnation++;
    private final List<LockspaceListener> others = new ArrayList<>();
    Lockspace lockspace;
    private Set<Long> seen = Set.of();
    private long seenNext;

    private Member(Node node) {
      this.node = node;
      store = servers.connect(node.process, Duration.ofSeconds(10));
    }

    private String path() {
      return "/member-" + incarnation;
    }

    private BroadcastChannel open() {
      StoreWorld.this.done(
          store.commit(List.of(new Op.Create(path(), Bytes.EMPTY, Op.Life.EPHEMERAL))));
      view.add(incarnation);
      tellView();
      var joined =
          StoreWorld.this.done(
              Lockspace.join(
                  new Lockspace.Node(store, node.process.loop(), node.process.env(), this),
                  "array",
                  SETTINGS,
                  this));
      lockspace = ((JoinOutcome.Joined) joined).lockspace();
      if (lockspace.slot() != node.slot) {
        throw new AssertionError("n%d got slot %d".formatted(node.slot, lockspace.slot()));
      }
      var locks = new LockspaceLocks(lockspace);
      var channel = new BroadcastChannel(locks, node.process.loop(), PATIENCE, node, exchange);
      locks.open(channel.ownAck(), channel::ackWanted);
      others.add(channel);
      return channel;
    }

    private void sees(Set<Long> now, long next) {
      seen = now;
      seenNext = next;
      if (lockspace != null) {
        lockspace.nodesGone();
      }
    }

    @Override
    public int node() {
      return node.slot;
    }

    @Override
    public long incarnation() {
      return incarnation;
    }

    @Override
    public Op.Check check() {
      return new Op.Check(path(), 0);
    }

    @Override
    public Set<Long> view() {
      return seen;
    }

    @Override
    public long nextIncarnation() {
      return seenNext;
    }

    @Override
    public void overturned(String found) {}

    @Override
    public void prep(long generation) {
      others.forEach(other -> other.prep(generation));
    }

    @Override
    public void slot(int slot, int which, long generation) {
      others.forEach(other -> other.slot(slot, which, generation));
    }

    @Override
    public void done(long generation) {
      others.forEach(other -> other.done(generation));
    }

    @Override
    public void joined(int slot, int which, long generation) {
      others.forEach(other -> other.joined(slot, which, generation));
    }

    @Override
    public void left(int slot, int which, boolean needsTakeover, long generation) {
      others.forEach(other -> other.left(slot, which, needsTakeover, generation));
    }

    @Override
    public void halted(String reason) {
      node.over = true;
      others.forEach(other -> other.halted(reason));
      died(node);
    }
  }
}
