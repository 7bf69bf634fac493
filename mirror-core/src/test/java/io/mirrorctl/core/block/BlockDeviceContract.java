package io.mirrorctl.core.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.mirrorctl.core.block.BlockDevice.Extent;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link BlockDevice} promises. A test class extends it and opens a fresh, writable
 * device of at least {@link #BYTES} bytes that reads as zeroes.
 */
public abstract class BlockDeviceContract {
  /** The least size of the device under test. */
  protected static final int BYTES = 48 << 20;

  private BlockDevice device;
  private int unit;
  private final List<Closeable> resources = new ArrayList<>();

  /** Opens the device; the suite closes it after each test. */
  protected abstract BlockDevice open() throws Exception;

  @BeforeEach
  void openTheDevice() throws Exception {
    device = open();
    unit = device.blockSizes().minimum();
    assertThat(device.sizeBytes()).isGreaterThanOrEqualTo(BYTES);
  }

  @AfterEach
  void closeEverything() throws Exception {
    try {
      if (device != null) {
        device.close();
      }
    } finally {
      while (!resources.isEmpty()) {
        resources.removeLast().close();
      }
    }
  }

  @Test
  void theSizeIsAMultipleOfTheMinimumBlock() {
    assertThat(device.sizeBytes() % unit).isZero();
    assertThat(device.name()).isNotEmpty();
  }

  @Test
  void whatIsWrittenIsReadBack() throws Exception {
    byte[] data = randomBytes(1, 8 * unit);
    write(3L * unit, data);
    same(read(3L * unit, data.length), data);
    assertThat(read(2L * unit, unit)).containsOnly(0);
    assertThat(read(11L * unit, unit)).containsOnly(0);
  }

  @Test
  void theFirstAndTheLastBlockAreTheDevices() throws Exception {
    byte[] data = randomBytes(2, unit);
    write(0, data);
    write(device.sizeBytes() - unit, data);
    same(read(0, unit), data);
    same(read(device.sizeBytes() - unit, unit), data);
  }

  @Test
  void everyKindOfBufferWillDo() throws Exception {
    byte[] data = randomBytes(3, 4 * unit);
    ByteBuffer odd = ByteBuffer.allocateDirect(data.length + 4097).position(1);
    odd.put(data).flip().position(1);
    ByteBuffer heapSlice = ByteBuffer.wrap(concat(new byte[7], data)).position(7).slice();
    ByteBuffer aligned = AlignedBuffers.shared().acquire(data.length);
    aligned.put(0, data);
    List<ByteBuffer> kinds =
        List.of(odd, heapSlice, ByteBuffer.wrap(data).asReadOnlyBuffer(), aligned);
    for (int i = 0; i < kinds.size(); i++) {
      ByteBuffer from = kinds.get(i);
      device.write(i * 64L * unit, from, WriteOption.NONE);
      assertThat(from.hasRemaining()).isFalse();
    }
    for (int i = 0; i < kinds.size(); i++) {
      ByteBuffer into =
          kinds.get(i).isReadOnly()
              ? ByteBuffer.allocate(data.length)
              : kinds.get(i).position(kinds.get(i).limit() - data.length);
      zero(into);
      int start = into.position();
      device.read(i * 64L * unit, into);
      assertThat(into.hasRemaining()).isFalse();
      byte[] got = new byte[data.length];
      into.get(start, got);
      same(got, data);
    }
    AlignedBuffers.shared().release(aligned);
  }

  @Test
  void aRequestOfTheGreatestSizeIsServed() throws Exception {
    int bytes = device.blockSizes().maximum();
    byte[] data = randomBytes(4, Math.min(bytes, BYTES - unit));
    write(unit, data);
    same(read(unit, data.length), data);
  }

  @Test
  void aRequestBeyondTheGreatestSizeIsRefused() {
    assumeTrue(device.blockSizes().maximum() < 1 << 30);
    ByteBuffer tooLong = ByteBuffer.allocate(device.blockSizes().maximum() + unit);
    refused(IoFailure.INVALID, () -> device.read(0, tooLong));
    refused(IoFailure.INVALID, () -> device.write(0, tooLong, WriteOption.NONE));
  }

  @Test
  void aRequestOutsideTheDeviceIsRefused() throws Exception {
    long size = device.sizeBytes();
    for (long offset : new long[] {size, size - unit, -unit, Long.MAX_VALUE / unit * unit}) {
      refused(IoFailure.INVALID, () -> read(offset, 2 * unit));
      refused(IoFailure.INVALID, () -> write(offset, new byte[2 * unit]));
      refused(IoFailure.INVALID, () -> device.discard(offset, 2L * unit, WriteOption.NONE));
      refused(IoFailure.INVALID, () -> device.writeZeroes(offset, 2L * unit, WriteOption.NONE));
    }
    refused(
        IoFailure.INVALID,
        () -> device.writeZeroes(unit, Long.MAX_VALUE / unit * unit, WriteOption.NONE));
    assertThat(read(size - unit, unit)).containsOnly(0);
  }

  @Test
  void anUnalignedRequestIsRefusedAndChangesNothing() throws Exception {
    assumeTrue(unit > 1);
    byte[] before = randomBytes(5, 2 * unit);
    write(0, before);
    byte[] ones = new byte[2 * unit];
    Arrays.fill(ones, (byte) 1);
    refused(IoFailure.INVALID, () -> read(unit / 2, unit));
    refused(IoFailure.INVALID, () -> read(0, unit / 2));
    refused(IoFailure.INVALID, () -> write(1, Arrays.copyOf(ones, unit)));
    refused(IoFailure.INVALID, () -> write(0, Arrays.copyOf(ones, unit + 1)));
    refused(IoFailure.INVALID, () -> device.discard(0, unit / 2, WriteOption.NONE));
    refused(IoFailure.INVALID, () -> device.writeZeroes(unit / 2, unit, WriteOption.NONE));
    same(read(0, 2 * unit), before);
  }

  @Test
  void aRequestOfNoBytesDoesNothing() throws Exception {
    byte[] before = randomBytes(6, unit);
    write(0, before);
    device.read(0, ByteBuffer.allocate(0));
    write(device.sizeBytes(), new byte[0]);
    device.discard(0, 0, WriteOption.NONE);
    device.writeZeroes(0, 0, WriteOption.ONLY_DURABLE);
    same(read(0, unit), before);
  }

  @Test
  void aDurableWriteIsReadBack() throws Exception {
    for (int blocks : new int[] {1, 8, 2050}) {
      byte[] data = randomBytes(blocks, blocks * unit);
      device.write(unit, ByteBuffer.wrap(data), WriteOption.ONLY_DURABLE);
      same(read(unit, data.length), data);
    }
    device.flush();
  }

  @Test
  void zeroesAreWrittenInEveryWay() throws Exception {
    List<Set<WriteOption>> ways =
        List.of(
            WriteOption.NONE,
            WriteOption.ONLY_DURABLE,
            EnumSet.of(WriteOption.KEEP_ALLOCATED),
            EnumSet.of(WriteOption.KEEP_ALLOCATED, WriteOption.DURABLE));
    for (Set<WriteOption> way : ways) {
      byte[] data = randomBytes(7, 1 << 20);
      write(0, data);
      long from = 3L * unit;
      long length = (1 << 19) + 5L * unit;
      device.writeZeroes(from, length, way);
      Arrays.fill(data, (int) from, (int) (from + length), (byte) 0);
      same(read(0, data.length), data);
    }
  }

  @Test
  void fastZeroesAreZeroesOrARefusalThatChangesNothing() throws Exception {
    byte[] data = randomBytes(8, 64 * unit);
    for (boolean keep : new boolean[] {false, true}) {
      write(0, data);
      Set<WriteOption> options = EnumSet.of(WriteOption.FAST_ONLY);
      if (keep) {
        options.add(WriteOption.KEEP_ALLOCATED);
      }
      try {
        device.writeZeroes(0, data.length, options);
        same(read(0, data.length), new byte[data.length]);
      } catch (DeviceException e) {
        assertThat(e.failure()).isEqualTo(IoFailure.NOT_SUPPORTED);
        same(read(0, data.length), data);
      }
    }
  }

  @Test
  void aDiscardLeavesTheNeighboursAloneAndZeroesIfItSaysSo() throws Exception {
    byte[] data = randomBytes(9, 1 << 20);
    write(0, data);
    long from = 5L * unit;
    long length = (1 << 19) + 3L * unit;
    device.discard(from, length, WriteOption.ONLY_DURABLE);
    byte[] after = read(0, data.length);
    int end = (int) (from + length);
    byte[] expected = data.clone();
    if (device.features().contains(DeviceFeature.DISCARD_ZEROES)) {
      Arrays.fill(expected, (int) from, end, (byte) 0);
    } else {
      System.arraycopy(after, (int) from, expected, (int) from, end - (int) from);
    }
    same(after, expected);
    byte[] again = randomBytes(10, 4 * unit);
    write(from, again);
    same(read(from, again.length), again);
  }

  @Test
  void extentsAdjoinAndWhatIsCalledZeroReadsAsZeroes() throws Exception {
    for (long at = 0; at < BYTES; at += 8 << 20) {
      write(at + (1 << 20), randomBytes(at, 1 << 20));
    }
    device.writeZeroes(9 << 20, 1 << 19, WriteOption.NONE);
    long at = unit;
    while (at < BYTES) {
      List<Extent> extents = device.extents(at, BYTES - at);
      assertThat(extents).isNotEmpty();
      long start = at;
      for (Extent extent : extents) {
        assertThat(extent.length()).isPositive();
        assertThat(extent.length() % unit).isZero();
        if (extent.zero()) {
          for (long piece = at; piece < at + extent.length(); piece += 1 << 20) {
            int length = (int) Math.min(1 << 20, at + extent.length() - piece);
            same(read(piece, length), new byte[length]);
          }
        }
        at += extent.length();
      }
      assertThat(at - start).isLessThanOrEqualTo(BYTES - start);
    }
  }

  @Test
  void concurrentRequestsDoNotDisturbTheirNeighbours() throws Exception {
    int threads = 8;
    int blocks = 512;
    byte[] model = new byte[threads * blocks * unit];
    inParallel(threads, thread -> churn(new Random(thread), thread, threads, blocks, model));
    same(read(0, model.length), model);
    device.flush();
  }

  /** Block b belongs to thread b mod threads, so every request has strangers on both sides. */
  private Void churn(RandomGenerator random, int thread, int threads, int blocks, byte[] model)
      throws IOException {
    for (int i = 0; i < 150; i++) {
      int block = random.nextInt(blocks) * threads + thread;
      int at = block * unit;
      switch (random.nextInt(8)) {
        case 0 -> {
          device.writeZeroes(at, unit, WriteOption.NONE);
          Arrays.fill(model, at, at + unit, (byte) 0);
        }
        case 1, 2 -> same(read(at, unit), Arrays.copyOfRange(model, at, at + unit));
        case 3 -> {
          if (i % 16 == 0) {
            device.flush();
          }
        }
        default -> {
          byte[] data = new byte[unit];
          random.nextBytes(data);
          Set<WriteOption> how = i % 16 == 0 ? WriteOption.ONLY_DURABLE : WriteOption.NONE;
          device.write(at, ByteBuffer.wrap(data), how);
          System.arraycopy(data, 0, model, at, unit);
        }
      }
    }
    return null;
  }

  @Test
  void anInterruptedThreadIsTurnedAwayAndTheDeviceLivesOn() throws Exception {
    byte[] before = randomBytes(11, unit);
    write(0, before);
    List<ThrowingCallable> requests =
        List.of(
            () -> read(0, unit),
            () -> write(0, new byte[unit]),
            () -> device.flush(),
            () -> device.discard(0, unit, WriteOption.NONE),
            () -> device.writeZeroes(0, unit, WriteOption.NONE));
    for (ThrowingCallable request : requests) {
      Thread.currentThread().interrupt();
      try {
        assertThatExceptionOfType(InterruptedIOException.class).isThrownBy(request);
      } finally {
        Thread.interrupted();
      }
    }
    same(read(0, unit), before);
  }

  @Test
  void interruptsAtAnyMomentHarmNobodyElse() throws Exception {
    CountDownLatch done = new CountDownLatch(1);
    List<Thread> victims = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      long at = (1L + i) << 20;
      victims.add(
          Thread.ofPlatform()
              .start(() -> {
                while (done.getCount() > 0) {
                  try {
                    device.read(at, ByteBuffer.allocate(unit));
                  } catch (InterruptedIOException e) {
                    Thread.interrupted();
                  } catch (IOException e) {
                    return; // the thread is gone then, and the test fails
                  }
                }
              }));
    }
    byte[] data = randomBytes(12, unit);
    for (int i = 0; i < 100; i++) {
      victims.get(i % 2).interrupt();
      write(0, data);
      same(read(0, unit), data);
    }
    assertThat(victims).allMatch(Thread::isAlive);
    done.countDown();
    for (Thread victim : victims) {
      victim.join();
    }
  }

  @Test
  void aClosedDeviceRefusesEverything() throws Exception {
    device.close();
    device.close();
    refused(IoFailure.CLOSED, () -> read(0, unit));
    refused(IoFailure.CLOSED, () -> write(0, new byte[unit]));
    refused(IoFailure.CLOSED, () -> device.flush());
    refused(IoFailure.CLOSED, () -> device.discard(0, unit, WriteOption.NONE));
    refused(IoFailure.CLOSED, () -> device.writeZeroes(0, unit, WriteOption.NONE));
  }

  @Test
  void closingUnderLoadLetsRequestsEndAndRefusesTheNext() throws Exception {
    CountDownLatch started = new CountDownLatch(4);
    try (var executor = Executors.newFixedThreadPool(4)) {
      List<Future<IoFailure>> ends = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        long at = (long) i << 20;
        ends.add(
            executor.submit(() -> {
              while (true) {
                try {
                  write(at, new byte[unit]);
                  read(at, unit);
                  started.countDown();
                } catch (DeviceException e) {
                  return e.failure();
                }
              }
            }));
      }
      started.await();
      device.close();
      for (Future<IoFailure> end : ends) {
        assertThat(end.get()).isEqualTo(IoFailure.CLOSED);
      }
    }
  }

  // ---- for this suite and those that build on it

  /** Has something below the device closed after it, the last one first. */
  protected final <T extends Closeable> T closing(T resource) {
    resources.add(resource);
    return resource;
  }

  /** The device of the running test. */
  protected final BlockDevice device() {
    return device;
  }

  /** Reads from the device of the running test. */
  protected final byte[] read(long offset, int length) throws IOException {
    ByteBuffer into = ByteBuffer.allocate(length);
    device.read(offset, into);
    return into.array();
  }

  /** Writes to the device of the running test. */
  protected final void write(long offset, byte[] data) throws IOException {
    device.write(offset, ByteBuffer.wrap(data), WriteOption.NONE);
  }

  /** Bytes without a pattern, the same for the same seed. */
  protected static byte[] randomBytes(long seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  /** Asserts equality and, if there is none, says where, not what a megabyte looks like. */
  protected static void same(byte[] actual, byte[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    assertThat(Arrays.mismatch(actual, expected)).as("first byte that differs").isEqualTo(-1);
  }

  /** Asserts that the request ends in a {@link DeviceException} of this kind. */
  protected static void refused(IoFailure failure, ThrowingCallable request) {
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(request)
        .satisfies(e -> assertThat(e.failure()).isEqualTo(failure));
  }

  /** What a thread of {@link #inParallel} does. */
  protected interface Share {
    Void run(int thread) throws Exception;
  }

  /** Runs the shares at once and fails if one of them fails. */
  protected static void inParallel(int threads, Share share) throws Exception {
    try (var executor = Executors.newFixedThreadPool(threads)) {
      List<Callable<Void>> shares = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        int thread = i;
        shares.add(() -> share.run(thread));
      }
      for (Future<Void> result : executor.invokeAll(shares)) {
        result.get();
      }
    }
  }

  private static void zero(ByteBuffer buffer) {
    for (int i = buffer.position(); i < buffer.limit(); i++) {
      buffer.put(i, (byte) 0);
    }
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }
}
