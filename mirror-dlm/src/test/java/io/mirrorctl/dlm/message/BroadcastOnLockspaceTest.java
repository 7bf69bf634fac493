package io.mirrorctl.dlm.message;

class BroadcastOnLockspaceTest extends BroadcastContract {
  @Override
  World world(long seed) {
    return new StoreWorld(seed);
  }
}
