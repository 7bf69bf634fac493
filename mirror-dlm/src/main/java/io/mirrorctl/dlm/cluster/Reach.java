package io.mirrorctl.dlm.cluster;

/** Whether this node reaches a member. */
sealed interface Reach {
  record Reached() implements Reach {}

  /** The member, or something on the way to it, says no, again and again. */
  record Failed(String cause) implements Reach {}

  /** No answer within the limit; the last request may still be on its way. */
  record Silent() implements Reach {}
}
