package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;

/**
 * What a membership needs around it.
 *
 * @param loop on which everything happens; the caller closes it, after the end of the membership
 * @param connector gives it its session
 * @param listener hears what happens
 */
public record MemberPorts(
    Loop loop,
    Env env,
    StoreConnector connector,
    MembershipListener listener,
    Arbiter arbiter,
    FenceAgent fence) {

  /** Without a fence agent; ZooKeeper's majority decides. */
  public static MemberPorts of(
      Loop loop, Env env, StoreConnector connector, MembershipListener listener) {
    return new MemberPorts(
        loop, env, connector, listener, Arbiter.zooKeeperMajority(), FenceAgent.none());
  }

  /** These, with another arbiter. */
  public MemberPorts decidedBy(Arbiter other) {
    return new MemberPorts(loop, env, connector, listener, other, fence);
  }

  /** These, with another fence agent. */
  public MemberPorts fencedBy(FenceAgent other) {
    return new MemberPorts(loop, env, connector, listener, arbiter, other);
  }
}
