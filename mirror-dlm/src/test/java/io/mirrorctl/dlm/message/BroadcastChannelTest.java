package io.mirrorctl.dlm.message;

class BroadcastChannelTest extends BroadcastContract {
  @Override
  World world(long seed) {
    return new PlainWorld(seed);
  }
}
