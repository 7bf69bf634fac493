package io.mirrorctl.cli.nbd;

import java.io.IOException;

/** The peer does not speak NBD, or not as it must; the connection cannot go on. */
final class ProtocolViolation extends IOException {
  private static final long serialVersionUID = 1L;

  ProtocolViolation(String message) {
    super(message);
  }
}
