package io.mirrorctl.dlm.cluster;

import io.mirrorctl.core.block.SectorRange;

/**
 * A write to a member that came back when its node's lease was over for good.
 *
 * @param device name of the member
 * @param range sectors of the member
 */
public record LateWrite(String device, SectorRange range) {}
