package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.AlignedBuffers;
import io.mirrorctl.core.env.Env;

/** What the connections of one server share. */
record Resources(
    Env env,
    NbdServerConfig config,
    NbdExports exports,
    AlignedBuffers memory,
    ByteBudget budget,
    Quota extraThreads,
    Watch watch) {}
