package io.mirrorctl.dlm.message;

/**
 * What a node does with what the channel brings; called on the loop. {@link ChannelBinding} is one
 * that hands ejections and halts to the membership.
 */
public interface ChannelListener extends MessageListener {
  /**
   * A member does not answer, or cannot follow a fact, and has to be ejected; told again while it
   * does not answer. The sender waits until the member is out of the lockspace.
   */
  void eject(int slot, String reason);

  /**
   * This node cannot follow the others: it has to stop its I/O and leave as one that died. The last
   * call.
   */
  void halt(String reason);
}
