package io.mirrorctl.core.block;

import static com.google.common.base.Preconditions.checkState;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * An error that a {@link SimDisk} is to show; made here, put in by {@link SimDisk#inject}. Without
 * further words it lasts for ever.
 *
 * <p>Threading: to be built before it is injected; the disk guards it afterwards.
 */
public final class SimFault {
  private static final SectorRange EVERYWHERE = new SectorRange(0, Long.MAX_VALUE / 512);

  private final Set<SimOperation.Kind> kinds;
  private final SectorRange range;
  private final IoFailure failure;
  private long remaining = Long.MAX_VALUE;
  private boolean healedByRewrite;
  private boolean injected;

  private SimFault(Set<SimOperation.Kind> kinds, SectorRange range, IoFailure failure) {
    this.kinds = kinds;
    this.range = range;
    this.failure = failure;
  }

  /** Reads that touch the range fail. */
  public static SimFault reads(SectorRange range, IoFailure failure) {
    return new SimFault(EnumSet.of(SimOperation.Kind.READ), range, failure);
  }

  /**
   * Writes, zeroes and discards that touch the range fail; what they have outside the range is
   * written all the same, as on a disk that breaks in mid-request.
   */
  public static SimFault writes(SectorRange range, IoFailure failure) {
    return new SimFault(
        EnumSet.of(SimOperation.Kind.WRITE, SimOperation.Kind.ZERO, SimOperation.Kind.DISCARD),
        range,
        failure);
  }

  /**
   * Flushes and durable writes fail. What was unflushed then may be lost at the next power cut even
   * if a later flush succeeds, unless it is written again.
   */
  public static SimFault flushes(IoFailure failure) {
    return new SimFault(EnumSet.of(SimOperation.Kind.FLUSH), EVERYWHERE, failure);
  }

  /** Every request fails: the disk is gone. */
  public static SimFault everything(IoFailure failure) {
    return new SimFault(EnumSet.allOf(SimOperation.Kind.class), EVERYWHERE, failure);
  }

  /** Only the next {@code count} requests that it concerns fail. */
  public SimFault times(long count) {
    checkState(!injected, "already injected");
    remaining = count;
    return this;
  }

  /** Only the next request that it concerns fails. */
  public SimFault once() {
    return times(1);
  }

  /** For reads: a write that covers a bad sector makes that sector good, as disks remap it. */
  public SimFault healedByRewrite() {
    checkState(!injected, "already injected");
    healedByRewrite = true;
    return this;
  }

  /** What is left of this fault when these sectors are good again. */
  List<SimFault> without(SectorRange good) {
    List<SimFault> rest = new ArrayList<>(2);
    if (range.start() < good.start()) {
      rest.add(copyFor(new SectorRange(range.start(), Math.min(range.end(), good.start()))));
    }
    if (good.end() < range.end()) {
      rest.add(copyFor(new SectorRange(Math.max(range.start(), good.end()), range.end())));
    }
    return rest;
  }

  private SimFault copyFor(SectorRange part) {
    SimFault copy = new SimFault(kinds, part, failure);
    copy.remaining = remaining;
    copy.healedByRewrite = healedByRewrite;
    return copy.injected();
  }

  SimFault injected() {
    injected = true;
    return this;
  }

  boolean concerns(SimOperation.Kind kind) {
    return remaining > 0 && kinds.contains(kind);
  }

  boolean isHealedByRewrite() {
    return healedByRewrite;
  }

  void used() {
    if (remaining != Long.MAX_VALUE) {
      remaining--;
    }
  }

  SectorRange range() {
    return range;
  }

  IoFailure failure() {
    return failure;
  }
}
