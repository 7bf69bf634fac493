package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

class SharedAckTest extends BroadcastContract {
  @Override
  World world(long seed) {
    return new PlainWorld(seed, state -> new SharedAck(state, Modes.CURED));
  }

  @Override
  String heading() {
    return "The exchange with one ack";
  }

  @Override
  void assertWaits(World world, World.Node receiver) {
    assertThat(world.mode(receiver.slot, ChannelLocks.MESSAGE)).isEqualTo("CR->PR");
  }
}
