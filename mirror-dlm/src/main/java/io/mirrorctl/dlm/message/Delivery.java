package io.mirrorctl.dlm.message;

/** What became of a message. */
public sealed interface Delivery {

  /**
   * Every member of the lockspace has applied it, or is gone.
   *
   * @param alsoFailing members that some receiver of a {@link ClusterMessage.Hold} saw fail
   */
  record Delivered(Bits256 alsoFailing) implements Delivery {}

  /**
   * A proposal that a member could not follow; by now all have undone it, but the sender, who does
   * so itself.
   *
   * @param slot the first that refused
   */
  record Refused(int slot, String reason) implements Delivery {}

  /** Nobody has seen it, nobody will: it was cancelled, or the channel is closed. */
  record NotSent(String reason) implements Delivery {}

  /**
   * This node's part in the lockspace ended before all had answered. If some member saw it, all
   * will; a proposal is then undone.
   */
  record Lost(String reason) implements Delivery {}
}
