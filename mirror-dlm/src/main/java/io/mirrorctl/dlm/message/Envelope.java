package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

/**
 * A message with what the channel adds.
 *
 * @param sender slot of the node it is from, 0 to 65535
 * @param sequence its place in the one order of all messages of the lockspace: one more than that
 *     of the message before, modulo 2^32
 */
public record Envelope(int sender, int sequence, ClusterMessage message) {
  public Envelope {
    checkArgument(sender >= 0 && sender <= 0xFFFF, "%s is no slot", sender);
  }
}
