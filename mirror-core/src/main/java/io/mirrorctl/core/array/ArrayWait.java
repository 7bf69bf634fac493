package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;

/**
 * Something in an array that requests wait for at this moment, or would. Times are milliseconds
 * since it began.
 */
public sealed interface ArrayWait {

  /** How long it has lasted. */
  long millis();

  /**
   * Member I/O is held, as the set of members is being changed.
   *
   * @param requests that wait for its end
   * @param inFlight that began before, and whose end is waited for
   */
  record Held(int requests, int inFlight, long millis) implements ArrayWait {}

  /**
   * Writes wait because another node copies where they go.
   *
   * @param slot of that node
   * @param requests that wait
   * @param millis since the first of them came
   */
  record Suspended(int slot, int requests, long millis) implements ArrayWait {}

  /**
   * Members have failed, and nothing is acknowledged before the superblocks of the others say so.
   *
   * @param disks that failed
   */
  record Unrecorded(ImmutableList<String> disks, long millis) implements ArrayWait {}

  /**
   * Pages of the write-intent bitmap are being written to the members.
   *
   * @param requests that wait for them
   */
  record PagesUnderWay(int requests, long millis) implements ArrayWait {}
}
