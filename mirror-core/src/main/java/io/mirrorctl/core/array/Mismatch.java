package io.mirrorctl.core.array;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.core.block.SectorRange;

/**
 * A range in which in-sync members differ.
 *
 * @param range sectors of the array; each of them differs
 * @param groups the members' disks; those in one group hold the same data
 */
public record Mismatch(SectorRange range, ImmutableList<ImmutableList<String>> groups) {}
