package io.mirrorctl.core.array;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.ClaimOwner;
import java.util.function.Consumer;

/** A node that has a clustered array for itself. */
final class LoneClaimant implements ClusterPort.Claimant {
  private final ClaimOwner owner;
  private final Consumer<String> overruled;

  LoneClaimant(String node, Env env, Consumer<String> overruled) {
    this.owner = ClaimOwner.alone(env.randomUuid(), node);
    this.overruled = overruled;
  }

  @Override
  public ClaimOwner owner() {
    return owner;
  }

  @Override
  public long epoch() {
    return 0;
  }

  @Override
  public void overruled(String reason) {
    overruled.accept(reason);
  }
}
