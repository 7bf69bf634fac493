package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.SyncThread;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/** A node of a {@link TestCluster}: an array, its port, and what it takes to die. */
final class TestNode implements ClusterPort {
  static final Patience NO_PATIENCE =
      unseen -> {
        throw unseen;
      };

  private final TestCluster cluster;
  private final int slot;
  private final TestLease lease = new TestLease();
  private final List<NodeDisk> disks = new ArrayList<>();
  private MirrorArray array;
  private SyncThread sync;

  /** Operations that are on their way to a disk. */
  final AtomicInteger inFlight = new AtomicInteger();

  /** Calls of this node that others have yet to answer. */
  final AtomicInteger calling = new AtomicInteger();

  /** It has the token because it is being assembled. */
  volatile boolean joining;

  /** It is leaving: clients are to turn to others. */
  volatile boolean leaving;

  private volatile String dead;

  TestNode(TestCluster cluster, int slot, List<SimDisk> shared) {
    this.cluster = cluster;
    this.slot = slot;
    shared.forEach(disk -> disks.add(new NodeDisk(disk, lease, inFlight)));
  }

  void assemble() throws IOException {
    array =
        MirrorArray.assemble(
            "node" + slot, disks, ArrayOptions.DEFAULT.withRun(true), this, Env.system());
  }

  void startSync() {
    sync = new SyncThread(array, this, Env.system());
    sync.start();
  }

  SyncThread sync() {
    return sync;
  }

  MirrorArray array() {
    return array;
  }

  ArrayControl control() {
    return array.control();
  }

  /** The node's own way to a disk that is not in the array yet. */
  NodeDisk way(SimDisk disk) {
    NodeDisk way = new NodeDisk(disk, lease, inFlight);
    disks.add(way);
    return way;
  }

  /** It has closed the array and not left yet: it answers everything, and does nothing. */
  volatile boolean deaf;

  /** It does not find disks that others announce. */
  volatile boolean blind;

  /** Adds a disk; who waits for a node that does not find it gives up at once. */
  void add(SimDisk disk) throws IOException {
    array.members().add(way(disk), false, NO_PATIENCE);
  }

  NodeDisk disk(int number) {
    return disks.get(number);
  }

  /** Its lease is over for good; whoever cares has to {@link TestCluster#bury} it. */
  void die(String reason) {
    dead = reason;
    lease.end();
    if (array != null) {
      control().halt(reason);
    }
    cluster.died();
  }

  boolean isDead() {
    return dead != null;
  }

  String causeOfDeath() {
    return dead;
  }

  /** Ends what a dead node's threads still do here. */
  void close() throws IOException {
    if (sync != null) {
      sync.close();
    }
    if (array != null) {
      array.close();
    }
  }

  void write(long offset, int fill, int length) throws IOException {
    array.device().write(offset, ArrayRig.filled(fill, length), WriteOption.NONE);
  }

  byte[] read(long offset, int length) throws IOException {
    byte[] data = new byte[length];
    array.device().read(offset, ByteBuffer.wrap(data));
    return data;
  }

  MemberState state(int disk) {
    return state(disks.get(disk).name());
  }

  MemberState state(String name) {
    return array.status().members().stream()
        .filter(member -> member.disk().equals(name))
        .findFirst()
        .orElseThrow()
        .state();
  }

  void fail(int disk) throws IOException {
    array.members().fail(disks.get(disk).name());
  }

  void reAdd(int disk) throws IOException {
    array.members().reAdd(disks.get(disk).name());
  }

  @Override
  public int slot() {
    return slot;
  }

  @Override
  public boolean isShared() {
    return true;
  }

  @Override
  public Set<Integer> otherSlots() {
    return cluster.otherSlots(this);
  }

  @Override
  public long deaths() {
    return cluster.deaths();
  }

  @Override
  public void transact(SetChange change) throws IOException {
    calling.incrementAndGet();
    try {
      cluster.transact(this, change);
    } finally {
      calling.decrementAndGet();
    }
  }

  @Override
  public void exclusively(Work work) throws IOException {
    calling.incrementAndGet();
    try {
      cluster.exclusively(this, work);
    } finally {
      calling.decrementAndGet();
    }
  }

  @Override
  public Permit beginResync() throws IOException, InterruptedException {
    return permit(false);
  }

  @Override
  public Permit beginRepair() throws IOException, InterruptedException {
    return permit(true);
  }

  private Permit permit(boolean repair) throws IOException, InterruptedException {
    NodeLock.Ticket ticket = cluster.beginResync(this, repair);
    return new Permit() {
      @Override
      public void announce(List<Window> windows) throws IOException {
        calling.incrementAndGet();
        try {
          cluster.announce(TestNode.this, windows);
        } finally {
          calling.decrementAndGet();
        }
      }

      @Override
      public long windowSectors() {
        return TestCluster.WINDOW_SECTORS;
      }

      @Override
      public boolean isWanted() {
        return cluster.resync().isWanted();
      }

      @Override
      public void close() {
        cluster.resync().release(ticket);
      }
    };
  }

  @Override
  public String toString() {
    return "node " + slot + (dead == null ? "" : " (" + dead + ")");
  }
}
