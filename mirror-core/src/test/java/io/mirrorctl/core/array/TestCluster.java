package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SlotImage;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockRead;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * Several nodes in one process that share the disks of one array, and the simplest cluster that
 * keeps what {@link ClusterPort} and {@link ArrayControl} promise each other: calls instead of
 * messages, two fair locks, and a death that others learn of when the test buries the dead.
 *
 * <p>Windows are announced wider than asked, as a real cluster may: by granules to those who hear
 * of them, and whole to those who come in later.
 */
final class TestCluster implements AutoCloseable {
  /** Called at each step of a change, on the sender's thread; may let it die. */
  @FunctionalInterface
  interface Steps {
    void at(TestNode sender, String step);
  }

  static final int SLOTS = 4;

  /** Of a window, about, so that also few dirty chunks make several. */
  static final long WINDOW_SECTORS = 24;

  private static final long GRANULE_SECTORS = 16;

  private final List<SimDisk> disks;

  /** In the reach of all nodes, and no members at first. */
  private final List<SimDisk> strangers = new CopyOnWriteArrayList<>();

  private final NodeLock token = new NodeLock();
  private final NodeLock resync = new NodeLock();
  private final AtomicInteger resyncsBegun = new AtomicInteger();
  private volatile Steps steps = (_, _) -> {};

  // guarded by this
  private final TreeMap<Integer, TestNode> view = new TreeMap<>();
  private final Map<Integer, List<SectorRange>> windows = new HashMap<>();
  private final Set<Integer> takeovers = new TreeSet<>();
  private final Map<TestNode, Set<TestNode>> heldByDead = new HashMap<>();
  private final List<TestNode> everybody = new ArrayList<>();
  private long deaths;

  TestCluster(List<SimDisk> disks) {
    this.disks = disks;
  }

  void steps(Steps next) {
    steps = next;
  }

  NodeLock token() {
    return token;
  }

  NodeLock resync() {
    return resync;
  }

  int resyncsBegun() {
    return resyncsBegun.get();
  }

  synchronized List<TestNode> nodes() {
    return List.copyOf(view.values());
  }

  // ---- joining and leaving

  /** A node that also copies what is to be copied. */
  TestNode join() throws Exception {
    TestNode node = joinIdle();
    node.startSync();
    return node;
  }

  /** A node that leaves copying to others. */
  TestNode joinIdle() throws Exception {
    List<SimDisk> present = members();
    TestNode node;
    synchronized (this) {
      node = new TestNode(this, freeSlot(), present);
      everybody.add(node);
    }
    NodeLock.Ticket ticket = token.acquire(node);
    boolean joined = false;
    try {
      node.joining = true;
      node.assemble();
      synchronized (this) {
        if (view.isEmpty()) {
          takeovers.clear();
          windows.clear();
        }
        windows.forEach(node.control()::suspend);
        view.put(node.slot(), node);
      }
      joined = true;
    } finally {
      node.joining = false;
      if (joined || !node.isDead()) {
        token.release(ticket);
      }
    }
    return node;
  }

  private int freeSlot() {
    Set<Integer> taken = new HashSet<>(takeovers);
    everybody.forEach(node -> taken.add(node.slot()));
    taken.addAll(view.keySet());
    for (int slot = 0; slot < SLOTS; slot++) {
      if (!taken.contains(slot)) {
        return slot;
      }
    }
    throw new IllegalStateException("no slot is free: " + taken);
  }

  /** A clean leave; bits that are left are taken over by who stays. */
  void leave(TestNode node) throws IOException {
    node.leaving = true;
    node.close();
    boolean dirty = node.array().bitmap().dirtyChunks() > 0;
    synchronized (this) {
      if (view.remove(node.slot()) == null) {
        return;
      }
      everybody.remove(node);
      if (dirty) {
        takeovers.add(node.slot());
        deaths++;
      }
    }
    if (dirty) {
      adopt(node.slot());
    }
  }

  // ---- what the port asks

  synchronized Set<Integer> otherSlots(TestNode node) {
    Set<Integer> others = new TreeSet<>(view.keySet());
    others.remove(node.slot());
    return others;
  }

  synchronized long deaths() {
    return takeovers.isEmpty() ? deaths : -1 - deaths;
  }

  private synchronized List<TestNode> others(TestNode node) {
    return view.values().stream().filter(other -> other != node && !other.deaf).toList();
  }

  void transact(TestNode sender, ClusterPort.SetChange change) throws IOException {
    NodeLock.Ticket ticket = null;
    try {
      if (!sender.joining) {
        ticket = token.acquire(sender);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the token");
    }
    try {
      if (!change.isDone() && agreed(sender, change)) {
        everywhere(sender, change);
      }
    } finally {
      if (ticket != null && !sender.isDead()) {
        token.release(ticket);
      }
    }
  }

  /** Runs it with the token. */
  void exclusively(TestNode node, ClusterPort.Work work) throws IOException {
    NodeLock.Ticket ticket;
    try {
      ticket = token.acquire(node);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for the token");
    }
    try {
      work.run();
    } finally {
      if (!node.isDead()) {
        token.release(ticket);
      }
    }
  }

  /** Whether all nodes reach who comes in, and let go of who goes. */
  private boolean agreed(TestNode sender, ClusterPort.SetChange change) throws IOException {
    List<TestNode> asked = new ArrayList<>();
    for (ClusterPort.Coming coming : change.coming()) {
      for (TestNode other : others(sender)) {
        asked.add(other);
        try {
          if (!finds(other, coming)) {
            asked.forEach(node -> node.control().withdraw());
            change.unseen(other.slot());
            return false;
          }
        } catch (IOException e) {
          if (!other.isDead()) { // else its answer does not count
            asked.forEach(node -> node.control().withdraw());
            change.refused(other.slot(), e.getMessage());
            return false;
          }
        }
        step(sender, "asked " + asked.size());
      }
    }
    for (int number : change.going()) {
      for (TestNode other : others(sender)) {
        asked.add(other);
        try {
          other.control().letGo(number);
        } catch (IOException e) {
          asked.forEach(node -> node.control().withdraw());
          change.refused(other.slot(), e.getMessage());
          return false;
        }
      }
    }
    return !change.isDone();
  }

  private boolean finds(TestNode node, ClusterPort.Coming coming) throws IOException {
    if (node.isDead() || node.control().reach(coming.number(), coming.device())) {
      return true;
    }
    Optional<SimDisk> disk =
        Stream.concat(disks.stream(), strangers.stream())
            .filter(one -> one.name().equals(coming.disk()))
            .findFirst();
    if (node.blind || disk.isEmpty()) {
      return false;
    }
    node.control().attach(coming.number(), coming.device(), node.way(disk.get()));
    return true;
  }

  /** A disk that all nodes can find. */
  SimDisk bring(SimDisk disk) {
    strangers.add(disk);
    return disk;
  }

  /** Not any more. */
  void hide(SimDisk disk) {
    strangers.remove(disk);
  }

  /** Of the disks at hand those that a node has to open. */
  private List<SimDisk> members() throws IOException {
    List<SimDisk> members = new ArrayList<>(disks);
    for (SimDisk disk : strangers) {
      boolean isMember = MemberMetadata.read(disk).superblock() instanceof SuperblockRead.Valid;
      if (isMember) {
        members.add(disk);
      }
    }
    return members;
  }

  private void everywhere(TestNode sender, ClusterPort.SetChange change) throws IOException {
    Set<TestNode> held = new HashSet<>();
    change.hold();
    try {
      step(sender, "held itself");
      Set<Integer> failing = change.failing();
      Set<Integer> further = new HashSet<>();
      for (TestNode other : others(sender)) {
        held.add(other);
        further.addAll(hold(other, failing));
        step(sender, "held " + held.size());
      }
      if (!further.isEmpty()) {
        change.alsoFailing(further);
      }
      ClusterPort.Committed committed = commit(sender, change);
      step(sender, "committed");
      int settled = 0;
      for (TestNode other : List.copyOf(held)) {
        settle(other, committed.events());
        step(sender, "settled " + ++settled);
      }
      int resumed = 0;
      for (TestNode other : List.copyOf(held)) {
        held.remove(other);
        other.control().resume();
        step(sender, "resumed " + ++resumed);
      }
    } finally {
      if (sender.isDead()) {
        synchronized (this) {
          heldByDead.put(sender, held);
        }
      } else {
        held.forEach(other -> other.control().resume());
      }
      change.resume();
    }
  }

  private void step(TestNode sender, String step) throws IOException {
    steps.at(sender, step);
    if (sender.isDead()) {
      throw new IOException(sender + " died when it had " + step);
    }
  }

  private static ClusterPort.Committed commit(TestNode sender, ClusterPort.SetChange change)
      throws IOException {
    try {
      return change.commit();
    } catch (IOException e) {
      sender.die("its change failed: " + e.getMessage());
      throw e;
    }
  }

  private Set<Integer> hold(TestNode other, Set<Integer> failing) {
    if (other.isDead()) {
      notice(other);
    }
    return other.control().hold(failing);
  }

  private static void settle(TestNode other, long events) {
    if (other.isDead()) {
      return;
    }
    try {
      other.control().settle(events);
    } catch (IOException e) {
      other.die("it cannot follow: " + e.getMessage());
    }
  }

  NodeLock.Ticket beginResync(TestNode node, boolean repair)
      throws IOException, InterruptedException {
    resyncsBegun.incrementAndGet();
    return resync.acquire(node, repair);
  }

  void announce(TestNode node, List<ClusterPort.Window> asked) throws IOException {
    NodeLock.Ticket ticket;
    try {
      ticket = token.acquire(node);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while announcing a window");
    }
    try {
      List<SectorRange> parts = asked.stream().flatMap(w -> w.parts().stream()).toList();
      synchronized (this) {
        windows.put(node.slot(), asked.stream().map(w -> widened(w.range())).toList());
      }
      for (TestNode other : others(node)) {
        step(node, "announced " + parts);
        other.control().suspend(node.slot(), parts.stream().map(TestCluster::widened).toList());
      }
    } finally {
      if (!node.isDead()) {
        token.release(ticket);
      }
    }
  }

  private static SectorRange widened(SectorRange range) {
    return new SectorRange(
        range.start() / GRANULE_SECTORS * GRANULE_SECTORS,
        Math.ceilDiv(range.end(), GRANULE_SECTORS) * GRANULE_SECTORS);
  }

  // ---- death

  void died() {
    token.look();
    resync.look();
  }

  /** Dies and is buried. */
  void kill(TestNode node) throws IOException {
    node.die("killed");
    bury(node);
  }

  /** Its lease is surely over: nothing of it is on its way to a disk any more. */
  void notice(TestNode dead) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(1))
        .until(() -> dead.inFlight.get() == 0);
    synchronized (this) {
      if (everybody.remove(dead)) {
        takeovers.add(dead.slot());
        deaths++;
      }
    }
  }

  /** What survivors do when a node is gone: put in order what it began, and take its slot over. */
  void bury(TestNode dead) throws IOException {
    notice(dead);
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(1))
        .until(() -> dead.calling.get() == 0);
    Set<TestNode> held;
    synchronized (this) {
      view.remove(dead.slot(), dead);
      held = heldByDead.remove(dead);
    }
    if (held != null) {
      agree(held);
    }
    token.forget(dead);
    resync.forget(dead);
    adopt(dead.slot());
    try {
      dead.close();
    } catch (IOException e) {
      // it is dead
    }
  }

  private void agree(Set<TestNode> held) throws IOException {
    List<TestNode> survivors = nodes().stream().filter(node -> !node.isDead()).toList();
    for (TestNode node : survivors) {
      if (!held.contains(node)) {
        node.control().hold(Set.of());
      }
    }
    ClusterPort.Committed agreed = null;
    for (TestNode node : survivors) {
      try {
        if (agreed == null) {
          agreed = node.control().agree();
        } else {
          settle(node, agreed.events());
        }
      } catch (IOException e) {
        node.die("it cannot agree: " + e.getMessage());
      }
    }
    survivors.forEach(node -> node.control().resume());
  }

  /** Tries again what nobody could take over when its node was buried. */
  void adoptWhatIsLeft() throws IOException {
    Set<Integer> left;
    synchronized (this) {
      left = Set.copyOf(takeovers);
    }
    for (int slot : left) {
      adopt(slot);
    }
  }

  /** Under the token, as nobody else may change anything then; who died with it is buried first. */
  private void adopt(int slot) throws IOException {
    for (TestNode node : nodes()) {
      if (node.isDead() || !waitsForTakeover(slot)) {
        continue;
      }
      try {
        NodeLock.Ticket ticket = tokenAmongLiving(node);
        try {
          if (waitsForTakeover(slot)) {
            node.control().adopt(slot);
            free(slot);
          }
        } finally {
          if (!node.isDead()) {
            token.release(ticket);
          }
        }
        return;
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      } catch (IOException e) {
        // dead by now, or it has failed the member that it could not read: somebody tries again
      }
    }
  }

  private synchronized boolean waitsForTakeover(int slot) {
    return takeovers.contains(slot);
  }

  private NodeLock.Ticket tokenAmongLiving(TestNode node) throws IOException, InterruptedException {
    Optional<NodeLock.Ticket> ticket = token.acquireFromLiving(node);
    while (ticket.isEmpty()) {
      Optional<TestNode> owner = token.deadOwner();
      if (owner.isPresent()) {
        bury(owner.get());
      }
      ticket = token.acquireFromLiving(node);
    }
    return ticket.get();
  }

  private void free(int slot) {
    List<TestNode> all;
    synchronized (this) {
      windows.remove(slot);
      takeovers.remove(slot);
      all = nodes();
    }
    all.forEach(node -> node.control().suspend(slot, List.of()));
  }

  // ---- what is on the disks

  SlotImage slot(int disk, int slot) throws IOException {
    Candidate candidate = Candidate.read(disks.get(disk));
    return candidate.metadata().readSlot(disks.get(disk), slot);
  }

  Superblock superblock(int disk) throws IOException {
    return ArrayRig.superblock(disks.get(disk));
  }

  @Override
  public void close() throws IOException {
    for (TestNode node : nodes()) {
      if (!node.isDead()) {
        node.close();
      }
    }
  }
}
