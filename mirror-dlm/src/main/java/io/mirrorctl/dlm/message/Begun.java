package io.mirrorctl.dlm.message;

/** Whether a transaction has begun. */
public sealed interface Begun {

  /** This node holds the token: nobody else sends until {@link Transaction#end}. */
  record Open(Transaction transaction) implements Begun {}

  /** It has not, and will not. */
  record Not(String reason) implements Begun {}
}
