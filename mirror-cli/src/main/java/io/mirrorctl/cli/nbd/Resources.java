package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.env.Env;
import java.util.Optional;

/**
 * What the connections of one server share.
 *
 * @param fences who may use the export, on a server of one disk
 */
record Resources(
    Env env,
    NbdServerConfig config,
    NbdExports exports,
    AlignedBuffers memory,
    ByteBudget budget,
    Quota extraThreads,
    Watch watch,
    Optional<NodeFences> fences) {}
