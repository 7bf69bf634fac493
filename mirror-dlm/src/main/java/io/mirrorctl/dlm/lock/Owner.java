package io.mirrorctl.dlm.lock;

/**
 * Who has a lock: one slot's member of a lockspace.
 *
 * @param slot in the lockspace, from 0
 * @param incarnation of the node in it, see {@link Standing#incarnation}
 */
public record Owner(int slot, long incarnation) {
  @Override
  public String toString() {
    return "slot " + slot + " (incarnation " + incarnation + ")";
  }
}
