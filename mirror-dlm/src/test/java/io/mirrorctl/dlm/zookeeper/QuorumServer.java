package io.mirrorctl.dlm.zookeeper;

import org.apache.zookeeper.server.quorum.QuorumPeerMain;

/** A server of a {@link ZooKeeperEnsemble}, in its own process. */
public final class QuorumServer {
  private QuorumServer() {}

  /** Serves until killed. */
  public static void main(String[] arguments) {
    QuorumPeerMain.main(arguments);
  }
}
