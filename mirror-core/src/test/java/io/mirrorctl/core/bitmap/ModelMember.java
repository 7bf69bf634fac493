package io.mirrorctl.core.bitmap;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * A member with a volatile cache for data: a power cut keeps any write since the last flush, or
 * none.
 */
final class ModelMember {
  enum State {
    IN_SYNC,
    /** Written, not read: it is being recovered. */
    RECEIVING,
    /** Failed; may come back by bitmap if its events allow. */
    OUT,
    /** Holds nothing of use. */
    SPARE
  }

  final String name;
  final byte[] slot;
  State state;

  /** Events of its superblock. */
  long events;

  private final int[] stable;
  private final List<List<Integer>> cache = new ArrayList<>();

  ModelMember(String name, State state, int blocks, int slotBytes) {
    this.name = name;
    this.state = state;
    this.slot = new byte[slotBytes];
    this.stable = new int[blocks];
    for (int i = 0; i < blocks; i++) {
      cache.add(new ArrayList<>());
    }
  }

  boolean isWritten() {
    return state == State.IN_SYNC || state == State.RECEIVING;
  }

  void write(int block, int value) {
    cache.get(block).add(value);
  }

  int read(int block) {
    List<Integer> unflushed = cache.get(block);
    return unflushed.isEmpty() ? stable[block] : unflushed.getLast();
  }

  /** What the block may hold after a power cut now. */
  Set<Integer> outcomes(int block) {
    Set<Integer> outcomes = new HashSet<>(cache.get(block));
    outcomes.add(stable[block]);
    return outcomes;
  }

  void flush() {
    for (int block = 0; block < stable.length; block++) {
      stable[block] = read(block);
      cache.get(block).clear();
    }
  }

  void cutPower(Random random) {
    for (int block = 0; block < stable.length; block++) {
      List<Integer> outcomes = List.copyOf(outcomes(block));
      stable[block] = outcomes.get(random.nextInt(outcomes.size()));
      cache.get(block).clear();
    }
  }
}
