package io.mirrorctl.core.bitmap;

import com.google.common.collect.HashMultiset;
import com.google.common.collect.Multiset;
import io.mirrorctl.core.bitmap.ModelMember.State;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A mirror of two roles over three members, in one thread, which does at random what arrays do and
 * looks after every small step whether a power cut at that moment would leave members that differ
 * without a bit.
 *
 * <p>Protected methods are where tests plant bugs.
 */
class ModelArray implements BitmapStorage {
  /** The power went in the middle of something. */
  static final class PowerCut extends Error {
    private static final long serialVersionUID = 1L;
  }

  /** The invariant is broken. */
  static final class BitMissing extends AssertionError {
    private static final long serialVersionUID = 1L;

    BitMissing(String message) {
      super(message);
    }
  }

  private static final class Write {
    final SectorRange range;
    final List<Integer> blocks;
    final List<ModelMember> pending;
    final int value;
    boolean missed;

    Write(SectorRange range, List<Integer> blocks, List<ModelMember> pending, int value) {
      this.range = range;
      this.blocks = blocks;
      this.pending = pending;
      this.value = value;
    }
  }

  private static final int ROLES = 2;
  private static final long SECTORS_PER_BLOCK = 4;
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(31000 * 8L, 4096);

  /** The chunks that are used: some together, some at the ends of pages. Two blocks each. */
  private static final long[] CHUNKS = {0, 1, 2, 2047, 2048, 30718, 30719, 30720, 30721, 30999};

  private static final int BLOCKS = CHUNKS.length * 2;

  private final Random random;
  private final boolean assemblesByAll;

  /** What this run has seen, to know that it was worth the time. */
  final Multiset<String> happened = HashMultiset.create();

  private final List<ModelMember> members = new ArrayList<>();
  private final List<Write> writes = new ArrayList<>();
  private WriteIntentBitmap bitmap;
  private long events = 1;
  private boolean eventsDue;
  private int lastValue;
  private long stepsToPowerCut;

  /** The chunk that is being copied, as an index of CHUNKS; -1 for none. */
  private int copying = -1;

  private boolean full;
  private int recovered;
  private boolean faults = true;

  ModelArray(long seed) {
    this(seed, false);
  }

  /**
   * @param assemblesByAll whether an assembly loads the bits of all members that look in sync; else
   *     it reads one, and superblocks tell of a failed member before more data goes out
   */
  ModelArray(long seed, boolean assemblesByAll) {
    random = new Random(seed);
    this.assemblesByAll = assemblesByAll;
    for (String name : List.of("a", "b", "c")) {
      State state = members.size() < ROLES ? State.IN_SYNC : State.SPARE;
      members.add(new ModelMember(name, state, BLOCKS, (int) GEOMETRY.strideBytes()));
    }
    bitmap = assembled(SlotOnDisk.headerOf(GEOMETRY));
    members.forEach(member -> member.events = member.state == State.SPARE ? -1 : events);
    plugIn();
  }

  private WriteIntentBitmap assembled(io.mirrorctl.core.format.BitmapHeader header) {
    Env real = Env.system();
    Env env = new Env(real.ticker(), real.wallClock(), random, Runnable::run, real.timer());
    return new WriteIntentBitmap(GEOMETRY, header, this, env);
  }

  private interface Io {
    void run() throws IOException;
  }

  private static boolean ignoringIo(Io io) {
    try {
      io.run();
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private boolean chance(double probability) {
    return faults && random.nextDouble() < probability;
  }

  private List<ModelMember> in(State state) {
    return members.stream().filter(m -> m.state == state).toList();
  }

  // --- what a power cut would leave

  private void step() {
    check();
    if (--stepsToPowerCut <= 0) {
      throw new PowerCut();
    }
  }

  private void check() {
    List<ModelMember> holders = inSyncAfterPowerCut();
    for (ModelMember holder : holders) {
      long cleared = SlotOnDisk.eventsClearedIn(holder.slot);
      List<ModelMember> comparable =
          members.stream()
              .filter(
                  m -> m.state == State.IN_SYNC || (m.state == State.OUT && m.events >= cleared))
              .toList();
      for (int block = 0; block < BLOCKS; block++) {
        List<ModelMember> read = assemblesByAll ? holders : List.of(holder);
        long chunk = CHUNKS[block / 2];
        if (read.stream().noneMatch(member -> SlotOnDisk.bitIn(member.slot, chunk))) {
          checkEqual(block, comparable, holder);
        }
      }
    }
  }

  /** The superblocks do not tell of a failure that was not settled. */
  private List<ModelMember> inSyncAfterPowerCut() {
    return members.stream()
        .filter(m -> m.state == State.IN_SYNC || (m.state == State.OUT && m.events == events))
        .toList();
  }

  private static void checkEqual(int block, List<ModelMember> comparable, ModelMember holder) {
    Set<Integer> outcomes = new HashSet<>();
    comparable.forEach(member -> outcomes.addAll(member.outcomes(block)));
    if (outcomes.size() > 1) {
      List<String> names = comparable.stream().map(m -> m.name).toList();
      throw new BitMissing(
          "chunk %d of %s may hold %s, and its bit on %s is clear"
              .formatted(CHUNKS[block / 2], names, outcomes, holder.name));
    }
  }

  // --- the storage

  @Override
  public void writePages(List<BitmapPage> pages) throws IOException {
    List<ModelMember> targets = new ArrayList<>(members);
    Collections.shuffle(targets, random);
    for (ModelMember member : targets) {
      if (member.isWritten() && !writeAll(member, pages)) {
        fail(member);
      }
    }
    if (chance(0.02)) {
      throw new IOException("pages not written");
    }
  }

  private boolean writeAll(ModelMember member, List<BitmapPage> pages) {
    List<int[]> sectors = new ArrayList<>();
    for (int page = 0; page < pages.size(); page++) {
      for (int sector = 0; sector < BitmapPage.BYTES / 512; sector++) {
        sectors.add(new int[] {page, sector});
      }
    }
    Collections.shuffle(sectors, random);
    for (int[] s : sectors) {
      if (chance(0.0005) && mayFail(member)) {
        return false;
      }
      BitmapPage page = pages.get(s[0]);
      byte[] bytes = new byte[512];
      page.image().get(s[1] * 512, bytes);
      land(member, (int) page.offsetBytes() + s[1] * 512, bytes);
    }
    return true;
  }

  /** A sector of the slot becomes durable. */
  protected void land(ModelMember member, int offset, byte[] sector) {
    if (java.util.Arrays.mismatch(member.slot, offset, offset + 512, sector, 0, 512) >= 0) {
      System.arraycopy(sector, 0, member.slot, offset, 512);
      step();
    }
  }

  @Override
  public void flushMembers() throws IOException {
    for (ModelMember member : members) {
      if (!member.isWritten()) {
        continue;
      }
      if (chance(0.02) && mayFail(member)) {
        fail(member);
      } else {
        member.flush();
        step();
      }
    }
  }

  @Override
  public OptionalLong clearableAtEvents() {
    return in(State.IN_SYNC).size() == ROLES && !eventsDue
        ? OptionalLong.of(events)
        : OptionalLong.empty();
  }

  // --- the array

  private boolean mayFail(ModelMember member) {
    return member.state == State.RECEIVING || in(State.IN_SYNC).size() > 1;
  }

  private void fail(ModelMember member) {
    happened.add("member failed");
    boolean wasInSync = member.state == State.IN_SYNC;
    member.state = wasInSync || !full ? State.OUT : State.SPARE;
    if (wasInSync) {
      eventsDue = true;
    }
  }

  /**
   * The superblocks tell of a failed member before a write that missed it is acknowledged, and
   * before data goes out whose bits it may not have.
   */
  private void settle() throws IOException {
    while (eventsDue) {
      eventsDue = false;
      boolean written = false;
      try {
        raiseEvents();
        written = true;
      } finally {
        eventsDue |= !written;
      }
    }
  }

  private boolean settledBeforeData() {
    return assemblesByAll || ignoringIo(this::settle);
  }

  private void raiseEvents() throws IOException {
    long next = events + 1;
    bitmap.updateHeader(h -> h.toBuilder().events(next).build());
    events = next;
    members.stream().filter(m -> m.state == State.IN_SYNC).forEach(m -> m.events = events);
  }

  private void startWrite() {
    int first = random.nextInt(BLOCKS);
    List<Integer> blocks = new ArrayList<>(List.of(first));
    boolean neighbour = first + 1 < BLOCKS && CHUNKS[(first + 1) / 2] - CHUNKS[first / 2] <= 1;
    if (random.nextBoolean() && neighbour) {
      blocks.add(first + 1);
    }
    if (blocks.stream().anyMatch(b -> isWriting(b) || b / 2 == copying)) {
      return;
    }
    SectorRange range =
        new SectorRange(sector(first), sector(blocks.getLast()) + SECTORS_PER_BLOCK);
    if (ignoringIo(() -> bitmap.startWrite(range))) {
      if (!settledBeforeData()) {
        bitmap.endWrite(range, true);
        return;
      }
      List<ModelMember> targets =
          new ArrayList<>(members.stream().filter(ModelMember::isWritten).toList());
      writes.add(new Write(range, blocks, targets, ++lastValue));
    }
  }

  private static long sector(int block) {
    return CHUNKS[block / 2] * 8 + (block % 2) * SECTORS_PER_BLOCK;
  }

  private boolean isWriting(int block) {
    return writes.stream().anyMatch(w -> w.blocks.contains(block));
  }

  private void continueWrite() {
    if (writes.isEmpty()) {
      return;
    }
    Write write = writes.get(random.nextInt(writes.size()));
    if (!write.pending.isEmpty()) {
      ModelMember member = write.pending.remove(random.nextInt(write.pending.size()));
      if (chance(0.02)) {
        write.missed |= !mayFail(member) || random.nextBoolean();
        if (member.isWritten() && mayFail(member)) {
          fail(member);
        }
      } else if (member.isWritten()) {
        write.blocks.forEach(block -> member.write(block, write.value));
      }
      step();
    }
    if (chance(0.02)) {
      write.missed |= !write.pending.isEmpty();
      write.pending.clear();
    }
    if (write.pending.isEmpty() && ignoringIo(this::settle)) {
      endWrite(write.range, !write.missed);
      writes.remove(write);
    }
  }

  protected void endWrite(SectorRange range, boolean onAllMembers) {
    bitmap.endWrite(range, onAllMembers);
  }

  /** Whether nothing is in flight, after an attempt to get there. */
  private boolean drained() {
    for (int i = 0; i < 50 && !writes.isEmpty(); i++) {
      continueWrite();
    }
    return writes.isEmpty() && copying < 0 && !eventsDue;
  }

  /** A failed or new member gets the missing role. */
  private void addMember() {
    boolean missing = in(State.IN_SYNC).size() < ROLES && in(State.RECEIVING).isEmpty();
    if (!missing || !drained()) {
      return;
    }
    List<ModelMember> candidates =
        members.stream().filter(m -> m.state == State.OUT || m.state == State.SPARE).toList();
    ModelMember member = candidates.get(random.nextInt(candidates.size()));
    full = member.state == State.SPARE || member.events < bitmap.header().eventsCleared();
    recovered = 0;
    if (full) {
      member.events = -1;
    } else {
      bitmap.markDirtyNeeded();
    }
    member.state = State.RECEIVING;
  }

  private void recoverBlock() {
    for (ModelMember member : in(State.RECEIVING)) {
      while (full && random.nextInt(4) > 0 && recovered < BLOCKS && !isWriting(recovered)) {
        member.write(recovered, in(State.IN_SYNC).getFirst().read(recovered));
        recovered++;
        step();
      }
    }
  }

  private void activateMember() throws IOException {
    List<ModelMember> receiving = in(State.RECEIVING);
    boolean done = full ? recovered == BLOCKS : bitmap.neededChunks() == 0;
    if (receiving.isEmpty() || !done || !drained()) {
      return;
    }
    bitmap.rewriteAll();
    ModelMember member = receiving.getFirst();
    flushMembers();
    if (member.state == State.RECEIVING && !eventsDue) {
      long next = events + 1;
      bitmap.updateHeader(h -> h.toBuilder().events(next).build());
      if (member.state == State.RECEIVING && !eventsDue) {
        events = next;
        member.state = State.IN_SYNC;
        in(State.IN_SYNC).forEach(m -> m.events = next);
        happened.add(full ? "recovery in full" : "recovery by bitmap");
        step();
      }
    }
  }

  private void copyChunk() {
    if (copying < 0) {
      OptionalLong next = bitmap.nextNeeded(CHUNKS[random.nextInt(CHUNKS.length)]);
      int index = next.isEmpty() ? -1 : java.util.Arrays.binarySearch(CHUNKS, next.getAsLong());
      if (index >= 0 && !isWriting(index * 2) && !isWriting(index * 2 + 1)) {
        copying = index;
        assertTrue(bitmap.startSync(CHUNKS[index]), "a needed chunk is not to be copied");
      }
      return;
    }
    if (!settledBeforeData()) {
      return;
    }
    boolean copied = true;
    ModelMember source = in(State.IN_SYNC).getFirst();
    for (int block = copying * 2; block < copying * 2 + 2; block++) {
      for (ModelMember member : members) {
        if (member != source && member.isWritten()) {
          copied &= !chance(0.05);
          if (copied) {
            member.write(block, source.read(block));
            step();
          }
        }
      }
    }
    bitmap.endSync(CHUNKS[copying], copied);
    happened.add(copied ? "chunk copied" : "copy failed");
    copying = -1;
  }

  private static void assertTrue(boolean holds, String message) {
    if (!holds) {
      throw new AssertionError(message);
    }
  }

  private void sweep() {
    long dirty = bitmap.dirtyChunks();
    ignoringIo(bitmap::sweep);
    if (bitmap.dirtyChunks() < dirty) {
      happened.add(in(State.OUT).isEmpty() ? "bits cleared" : "bits cleared, a member is out");
    }
  }

  // --- the run

  /** Does something at random, again and again. */
  void run(int operations) {
    recover();
    for (int i = 0; i < operations; i++) {
      try {
        doSomething();
        check();
      } catch (PowerCut cut) {
        recover();
      }
    }
  }

  private void doSomething() {
    switch (random.nextInt(26)) {
      case 0, 1, 2, 3 -> startWrite();
      case 4, 5, 6, 7, 8, 9, 10 -> continueWrite();
      case 11, 12, 13 -> sweep();
      case 14 -> ignoringIo(random.nextInt(4) == 0 ? bitmap::flushClean : bitmap::rewriteAll);
      case 15, 16, 17 -> copyChunk();
      case 18, 23 -> addMember();
      case 19, 20 -> recoverBlock();
      case 21, 24 -> ignoringIo(this::activateMember);
      case 22 -> ignoringIo(this::flushMembers);
      default -> {
        int block = random.nextInt(BLOCKS);
        if (random.nextInt(8) == 0) {
          ignoringIo(() -> bitmap.markNeeded(SectorRange.ofLength(sector(block), 1)));
        }
      }
    }
  }

  private void plugIn() {
    stepsToPowerCut = 1L + random.nextInt(800);
  }

  private void recover() {
    happened.add("power cut");
    boolean cutAgain = true;
    while (cutAgain) {
      cutAgain = false;
      members.forEach(member -> member.cutPower(random));
      writes.clear();
      copying = -1;
      plugIn();
      for (ModelMember member : in(State.RECEIVING)) {
        member.state = full ? State.SPARE : State.OUT;
      }
      inSyncAfterPowerCut().forEach(member -> member.state = State.IN_SYNC);
      eventsDue = false;
      List<ModelMember> inSync = in(State.IN_SYNC);
      byte[] slot = inSync.get(random.nextInt(inSync.size())).slot.clone();
      bitmap = assembled(slot[0] == 0 ? SlotOnDisk.headerOf(GEOMETRY) : SlotOnDisk.headerIn(slot));
      for (ModelMember member : assemblesByAll ? inSync : List.<ModelMember>of()) {
        bitmap.load(SlotOnDisk.bitsIn(member.slot, GEOMETRY));
      }
      bitmap.load(SlotOnDisk.bitsIn(slot, GEOMETRY));
      try {
        check();
        boolean ready = false;
        while (!ready) {
          ready = ignoringIo(bitmap::rewriteAll);
        }
      } catch (PowerCut again) {
        cutAgain = true;
      }
    }
  }

  /** Lets everything end well; all bits must then be clear and all members equal. */
  void comeToRest() {
    faults = false;
    stepsToPowerCut = Long.MAX_VALUE;
    for (int i = 0; i < 3000; i++) {
      switch (i % 4) {
        case 0 -> continueWrite();
        case 1 -> copyChunk();
        case 2 -> {
          addMember();
          recoverBlock();
          ignoringIo(this::settle);
        }
        default -> ignoringIo(this::activateMember);
      }
    }
    ignoringIo(bitmap::flushClean);
    check();
    assertTrue(bitmap.dirtyChunks() == 0, "still dirty: " + bitmap.dirtyRanges());
    List<ModelMember> inSync = in(State.IN_SYNC);
    assertTrue(inSync.size() == ROLES, "the array did not come to rest");
    assertTrue(
        IntStream.range(0, BLOCKS).allMatch(b -> inSync.get(0).read(b) == inSync.get(1).read(b)),
        "members differ at rest");
  }
}
