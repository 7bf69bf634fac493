package io.mirrorctl.dlm.message;

/** What became of a message. */
public sealed interface Delivery {

  /**
   * Every member of the lockspace has applied it, or is gone. A proposal that was the last message
   * of its turn is final: the token is released. Within a transaction it is final with the next
   * message or the end; if its sender dies before, it is undone.
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
   * will; a proposal is then undone, unless only the answer to the release of the token is missing.
   */
  record Lost(String reason) implements Delivery {}
}
