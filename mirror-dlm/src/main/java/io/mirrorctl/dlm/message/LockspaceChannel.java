package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.lock.Lockspace;

/** A lockspace that this node has joined, and the broadcasts among its members. */
public record LockspaceChannel(Lockspace lockspace, BroadcastChannel channel) {}
