package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * A disk in memory for tests: sparse, with a volatile write cache, errors on demand, and a hook
 * before every operation.
 *
 * <p>An object is a handle on the disk. {@link #powerCut} and {@link #close} end it; {@link
 * #reopen} gives the next one, on the same content and with the same faults.
 *
 * <p>Power cut: every sector changed since the last flush keeps its content or falls back, each for
 * itself, so writes are torn; of a write that was held by the hook any part may have been written.
 * Sectors are of {@code blockSizes().minimum()} bytes.
 *
 * <p>Threading: safe from any thread. Operations take effect one by one, in the order of {@link
 * #log}.
 */
public final class SimDisk implements BlockDevice {
  private static final int MOST_LOGGED = 100_000;

  /** What can be done to operations before they run. */
  @FunctionalInterface
  public interface Hook {
    /**
     * Called by the thread of each request, with no lock held; may wait, or throw what the request
     * is to fail with. Nothing of the request has happened yet.
     */
    void before(SimOperation operation) throws IOException;
  }

  /** What all handles of one disk have in common; its monitor guards everything in it. */
  private static final class Shared {
    private final SimStorage storage;
    private final List<SimFault> faults = new ArrayList<>();
    private final Deque<SimOperation.Logged> log = new ArrayDeque<>();
    private final Map<SimOperation.Kind, Long> counts = new EnumMap<>(SimOperation.Kind.class);
    private Set<DeviceFeature> features =
        EnumSet.of(
            DeviceFeature.DISCARD,
            DeviceFeature.DISCARD_ZEROES,
            DeviceFeature.FAST_ZEROES,
            DeviceFeature.SHARED_FLUSH);
    private Hook hook = _ -> {};

    private Shared(int sector) {
      storage = new SimStorage(sector);
    }
  }

  private enum State {
    OPEN,
    CLOSED,
    CUT
  }

  /** A write that its thread has asked for and that has not taken effect. */
  private static final class Write {
    private final long offset;
    private final byte[] data;

    private Write(long offset, byte[] data) {
      this.offset = offset;
      this.data = data;
    }
  }

  private final String name;
  private final long sizeBytes;
  private final BlockSizes sizes;
  private final Shared shared;

  // guarded by shared
  private State state = State.OPEN;
  private int inFlight;
  private final Set<Write> pending = new HashSet<>();

  /** A disk of zeroes with sectors of 512 bytes. */
  public SimDisk(String name, long sizeBytes) {
    this(name, sizeBytes, 512);
  }

  /**
   * @param minimum bytes in a sector
   */
  public SimDisk(String name, long sizeBytes, int minimum) {
    this(name, sizeBytes, new BlockSizes(minimum, 4096, 32 << 20), new Shared(minimum));
    checkArgument(sizeBytes > 0 && sizeBytes % minimum == 0, "size %s", sizeBytes);
  }

  private SimDisk(String name, long sizeBytes, BlockSizes sizes, Shared shared) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.sizes = sizes;
    this.shared = shared;
  }

  // ---- what tests do to the disk

  /** Puts in an error; several may be there at once. */
  public void inject(SimFault fault) {
    synchronized (shared) {
      shared.faults.add(fault.injected());
    }
  }

  /** Takes out all errors. */
  public void heal() {
    synchronized (shared) {
      shared.faults.clear();
    }
  }

  /** Sets the hook of all handles, instead of the one before. */
  public void hook(Hook hook) {
    synchronized (shared) {
      shared.hook = hook;
    }
  }

  /**
   * Sets what the disk can do. Without {@link DeviceFeature#DISCARD_ZEROES} discarded sectors read
   * as rubbish; without {@link DeviceFeature#FAST_ZEROES} fast zeroes are refused; with {@link
   * DeviceFeature#READ_ONLY} every change is.
   */
  public void features(Set<DeviceFeature> features) {
    synchronized (shared) {
      shared.features = features.isEmpty() ? Set.of() : EnumSet.copyOf(features);
    }
  }

  /** Cuts the power: this handle is dead, and unflushed sectors may have lost their content. */
  public void powerCut(RandomGenerator random) {
    synchronized (shared) {
      die(random);
      shared.storage.powerCut(random);
    }
  }

  /**
   * The program that uses this handle dies while the disk goes on: the handle is dead, of writes in
   * flight any part may have been written, and nothing else is lost.
   */
  public void programDies(RandomGenerator random) {
    synchronized (shared) {
      die(random);
    }
  }

  private void die(RandomGenerator random) {
    checkState(state == State.OPEN, "%s is not open", name);
    state = State.CUT;
    for (Write write : pendingInOrder()) {
      tear(write, random);
    }
    pending.clear();
  }

  /** A new handle after {@link #close} or {@link #powerCut}. */
  public SimDisk reopen() {
    synchronized (shared) {
      checkState(state != State.OPEN, "%s is open", name);
      return new SimDisk(name, sizeBytes, sizes, shared);
    }
  }

  /** What a read would give, without counting as one and past all errors; also when closed. */
  public byte[] peek(long offset, int length) {
    byte[] content = new byte[length];
    synchronized (shared) {
      shared.storage.read(offset, content);
    }
    return content;
  }

  /** Changes whole sectors behind everybody's back, durably: silent corruption. */
  public void corrupt(long offset, byte[] data) {
    checkArgument((offset | data.length) % sizes.minimum() == 0, "not whole sectors");
    synchronized (shared) {
      shared.storage.corrupt(offset, data);
    }
  }

  /** Sectors that a power cut could change now. */
  public int unflushedSectors() {
    synchronized (shared) {
      return shared.storage.unflushedSectors();
    }
  }

  /**
   * Operations of this kind that have run since the start or {@link #clearLog}, failed ones too.
   */
  public long count(SimOperation.Kind kind) {
    synchronized (shared) {
      return shared.counts.getOrDefault(kind, 0L);
    }
  }

  /** The last 100 000 operations in the order in which they took effect. */
  public List<SimOperation.Logged> log() {
    synchronized (shared) {
      return List.copyOf(shared.log);
    }
  }

  /** Empties the log and sets all counts to 0. */
  public void clearLog() {
    synchronized (shared) {
      shared.log.clear();
      shared.counts.clear();
    }
  }

  // ---- the device

  @Override
  public String name() {
    return name;
  }

  @Override
  public long sizeBytes() {
    return sizeBytes;
  }

  @Override
  public BlockSizes blockSizes() {
    return sizes;
  }

  @Override
  public Set<DeviceFeature> features() {
    synchronized (shared) {
      return Set.copyOf(shared.features);
    }
  }

  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    var operation =
        new SimOperation(SimOperation.Kind.READ, offset, into.remaining(), WriteOption.NONE);
    byte[] content = new byte[into.remaining()];
    run(operation, null, () -> shared.storage.read(offset, content));
    into.put(content);
  }

  @Override
  public void write(long offset, ByteBuffer from, Set<WriteOption> options) throws IOException {
    var operation =
        new SimOperation(SimOperation.Kind.WRITE, offset, from.remaining(), Set.copyOf(options));
    byte[] data = new byte[from.remaining()];
    from.get(from.position(), data);
    run(operation, data, () -> shared.storage.write(offset, data));
    from.position(from.limit());
  }

  @Override
  public void flush() throws IOException {
    run(
        new SimOperation(SimOperation.Kind.FLUSH, 0, 0, WriteOption.NONE),
        null,
        shared.storage::flush);
  }

  @Override
  public void discard(long offset, long length, Set<WriteOption> options) throws IOException {
    run(
        new SimOperation(SimOperation.Kind.DISCARD, offset, length, Set.copyOf(options)),
        null,
        () -> discardNow(offset, length));
  }

  private void discardNow(long offset, long length) {
    if (shared.features.contains(DeviceFeature.DISCARD_ZEROES)) {
      shared.storage.zero(offset, length, false);
    } else if (shared.features.contains(DeviceFeature.DISCARD)) {
      for (long at = offset; at < offset + length; at += sizes.minimum()) {
        byte[] rubbish = new byte[sizes.minimum()];
        Arrays.fill(rubbish, (byte) 0xd5);
        shared.storage.write(at, rubbish);
      }
    }
  }

  @Override
  public void writeZeroes(long offset, long length, Set<WriteOption> options) throws IOException {
    boolean keep = options.contains(WriteOption.KEEP_ALLOCATED);
    run(
        new SimOperation(SimOperation.Kind.ZERO, offset, length, Set.copyOf(options)),
        null,
        () -> shared.storage.zero(offset, length, keep));
  }

  @Override
  public List<Extent> extents(long offset, long length) throws IOException {
    checkRange("extents", offset, length);
    checkArgument(length > 0, "extents of %s bytes", length);
    synchronized (shared) {
      checkOpen();
      List<Extent> extents = new ArrayList<>();
      long at = offset;
      while (at < offset + length && extents.size() < 16) {
        boolean hole = shared.storage.isHole(at);
        long end = shared.storage.endOfExtent(at, offset + length);
        extents.add(new Extent(end - at, hole, hole));
        at = end;
      }
      return extents;
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (shared) {
      if (state == State.OPEN) {
        state = State.CLOSED;
      }
      try {
        while (state == State.CLOSED && inFlight > 0) {
          shared.wait();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while requests of " + name + " in flight");
      }
    }
  }

  @Override
  public String toString() {
    return name;
  }

  // ---- one operation

  private void run(SimOperation operation, byte[] data, Runnable effect) throws IOException {
    checkRange(operation.kind().name(), operation.offset(), operation.length());
    Write waiting = data == null ? null : new Write(operation.offset(), data);
    Hook hook;
    synchronized (shared) {
      checkOpen();
      if (Thread.currentThread().isInterrupted()) {
        throw new InterruptedIOException("interrupted before " + operation + " of " + name);
      }
      checkAllowed(operation);
      inFlight++;
      if (waiting != null) {
        pending.add(waiting);
      }
      hook = shared.hook;
    }
    try {
      hook.before(operation);
      synchronized (shared) {
        if (state == State.CUT) {
          throw new DeviceException(IoFailure.CLOSED, name + ": power was cut");
        }
        pending.remove(waiting);
        take(operation, data, effect);
      }
    } finally {
      synchronized (shared) {
        pending.remove(waiting);
        inFlight--;
        shared.notifyAll();
      }
    }
  }

  private void take(SimOperation operation, byte[] data, Runnable effect) throws DeviceException {
    shared.counts.merge(operation.kind(), 1L, Long::sum);
    Optional<SimFault> fault = faultOf(operation, operation.kind());
    if (fault.isEmpty()) {
      effect.run();
      healRewritten(operation);
      if (operation.options().contains(WriteOption.DURABLE)) {
        fault = faultOf(operation, SimOperation.Kind.FLUSH);
        if (fault.isEmpty()) {
          shared.storage.makeDurable(operation.offset(), operation.length());
        }
      }
    } else if (data != null) {
      writeAround(fault.get().range(), operation.offset(), data);
    }
    log(operation, fault.map(SimFault::failure));
    if (fault.isPresent()) {
      if (operation.kind() == SimOperation.Kind.FLUSH) {
        shared.storage.flushFailed();
      }
      throw new DeviceException(
          fault.get().failure(),
          "%s %d bytes at %d of %s: injected error"
              .formatted(operation.kind(), operation.length(), operation.offset(), name));
    }
  }

  private Optional<SimFault> faultOf(SimOperation operation, SimOperation.Kind kind) {
    for (SimFault fault : shared.faults) {
      if (fault.concerns(kind)
          && (kind == SimOperation.Kind.FLUSH || operation.touches(fault.range()))) {
        fault.used();
        return Optional.of(fault);
      }
    }
    return Optional.empty();
  }

  /** The sectors of a failing write that are not bad themselves. */
  private void writeAround(SectorRange bad, long offset, byte[] data) {
    int unit = sizes.minimum();
    for (int done = 0; done < data.length; done += unit) {
      if (!SectorRange.coveringBytes(offset + done, unit).overlaps(bad)) {
        shared.storage.write(offset + done, Arrays.copyOfRange(data, done, done + unit));
      }
    }
  }

  private void healRewritten(SimOperation operation) {
    if (operation.kind() != SimOperation.Kind.WRITE && operation.kind() != SimOperation.Kind.ZERO) {
      return;
    }
    SectorRange written = SectorRange.coveringBytes(operation.offset(), operation.length());
    List<SimFault> faults = shared.faults;
    for (SimFault fault : List.copyOf(faults)) {
      if (fault.isHealedByRewrite() && fault.range().overlaps(written)) {
        faults.remove(fault);
        faults.addAll(fault.without(written));
      }
    }
  }

  private void log(SimOperation operation, Optional<IoFailure> failure) {
    if (shared.log.size() == MOST_LOGGED) {
      shared.log.removeFirst();
    }
    shared.log.addLast(new SimOperation.Logged(operation, failure));
  }

  private List<Write> pendingInOrder() {
    return pending.stream().sorted(Comparator.comparingLong(write -> write.offset)).toList();
  }

  /** Of a write in flight when the power goes, each sector may have been written. */
  private void tear(Write write, RandomGenerator random) {
    int unit = sizes.minimum();
    for (int done = 0; done < write.data.length; done += unit) {
      if (random.nextBoolean()) {
        shared.storage.write(
            write.offset + done, Arrays.copyOfRange(write.data, done, done + unit));
      }
    }
  }

  private void checkRange(String what, long offset, long length) throws DeviceException {
    int longest = what.equals("READ") || what.equals("WRITE") ? sizes.maximum() : -1;
    if (offset < 0
        || length < 0
        || offset > sizeBytes - length
        || (offset | length) % sizes.minimum() != 0
        || (longest > 0 && length > longest)) {
      throw new DeviceException(
          IoFailure.INVALID, "%s %d bytes at %d of %s".formatted(what, length, offset, name));
    }
  }

  private void checkOpen() throws DeviceException {
    if (state != State.OPEN) {
      throw new DeviceException(IoFailure.CLOSED, name + " is closed");
    }
  }

  private void checkAllowed(SimOperation operation) throws DeviceException {
    boolean change =
        operation.kind() != SimOperation.Kind.READ && operation.kind() != SimOperation.Kind.FLUSH;
    if (change && shared.features.contains(DeviceFeature.READ_ONLY)) {
      throw new DeviceException(IoFailure.READ_ONLY, name + " is read-only");
    }
    if (operation.kind() == SimOperation.Kind.ZERO
        && operation.options().contains(WriteOption.FAST_ONLY)
        && !shared.features.contains(DeviceFeature.FAST_ZEROES)) {
      throw new DeviceException(IoFailure.NOT_SUPPORTED, name + " has no fast zeroes");
    }
  }
}
