package io.mirrorctl.cli.nbd;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The requests that wait for an answer on one connection, found by their cookies.
 *
 * <p>Their number and the bytes they move are limited, so that the time a server has for a request
 * is not used up by a long queue in front of it. A cookie is the number of a slot and a counter, so
 * one that was answered already is not taken for a later request in the same slot.
 *
 * <p>Threading: none of its own.
 */
final class RequestSlots {
  static final int SLOTS = 256;
  static final long MAX_BYTES = 64L << 20;

  private final NbdRequest[] requests = new NbdRequest[SLOTS];
  private final long[] cookies = new long[SLOTS];
  private final long[] sinceNanos = new long[SLOTS];
  private final int[] payloadBytes = new int[SLOTS];
  private final int[] free = IntStream.range(0, SLOTS).toArray();
  private int freeCount = SLOTS;
  private long bytes;
  private long counter;

  /** Whether another request that moves so many bytes may be sent now. */
  boolean hasRoomFor(NbdRequest request) {
    return freeCount == SLOTS || (freeCount > 0 && bytes + request.payloadBytes() <= MAX_BYTES);
  }

  boolean isEmpty() {
    return freeCount == SLOTS;
  }

  int size() {
    return SLOTS - freeCount;
  }

  /** Puts a request in; there must be room. Returns its cookie. */
  long add(NbdRequest request, long nowNanos) {
    int slot = free[--freeCount];
    requests[slot] = request;
    cookies[slot] = counter++ * SLOTS + slot;
    sinceNanos[slot] = nowNanos;
    payloadBytes[slot] = request.payloadBytes();
    bytes += payloadBytes[slot];
    return cookies[slot];
  }

  /**
   * The request with this cookie.
   *
   * @throws ProtocolViolation if there is none
   */
  NbdRequest find(long cookie) throws ProtocolViolation {
    int slot = slot(cookie);
    if (requests[slot] == null || cookies[slot] != cookie) {
      throw new ProtocolViolation("a reply to no request of ours");
    }
    return requests[slot];
  }

  /** Takes a request out. */
  void remove(long cookie) {
    int slot = slot(cookie);
    bytes -= payloadBytes[slot];
    requests[slot] = null;
    free[freeCount++] = slot;
  }

  /** Since when the oldest request waits; {@code otherwise} if there is none. */
  long oldestNanos(long otherwise) {
    long oldest = otherwise;
    for (int slot = 0; slot < SLOTS; slot++) {
      if (requests[slot] != null && sinceNanos[slot] - oldest < 0) {
        oldest = sinceNanos[slot];
      }
    }
    return oldest;
  }

  /** Takes all requests out, in the order in which they were put in. */
  List<NbdRequest> removeAll() {
    int[] taken =
        IntStream.range(0, SLOTS)
            .filter(slot -> requests[slot] != null)
            .boxed()
            .sorted(Comparator.comparingLong(slot -> cookies[slot]))
            .mapToInt(slot -> slot)
            .toArray();
    List<NbdRequest> all = new ArrayList<>();
    for (int slot : taken) {
      all.add(requests[slot]);
      remove(cookies[slot]);
    }
    return all;
  }

  private static int slot(long cookie) {
    return (int) (cookie & (SLOTS - 1));
  }
}
