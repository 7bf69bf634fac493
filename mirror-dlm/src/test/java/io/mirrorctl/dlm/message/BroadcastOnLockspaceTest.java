package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

class BroadcastOnLockspaceTest extends BroadcastContract {
  @Override
  World world(long seed) {
    return new StoreWorld(seed);
  }

  @Override
  String heading() {
    return "The exchange";
  }

  @Override
  void assertWaits(World world, World.Node receiver) {
    assertThat(world.mode(receiver.slot, receiver.channel.ownAck())).isEqualTo("NL->CR");
  }
}
