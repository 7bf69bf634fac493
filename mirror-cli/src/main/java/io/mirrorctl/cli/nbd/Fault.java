package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;

/**
 * Why a request fails.
 *
 * @param error an error number of the protocol
 * @param text for people, sent where the client takes texts
 */
record Fault(int error, String text) {

  static Fault invalid(String text) {
    return new Fault(Nbd.EINVAL, text);
  }

  static final Fault SHUTDOWN = new Fault(Nbd.ESHUTDOWN, "the export is being closed");

  /** The answer to a request that the device refused or failed. */
  static Fault of(IOException e, Request request) {
    String text = e.getMessage() == null ? e.toString() : e.getMessage();
    int error =
        switch (DeviceException.kindOf(e)) {
          case IoFailure.NO_SPACE -> Nbd.ENOSPC;
          case IoFailure.READ_ONLY -> Nbd.EPERM;
          case IoFailure.INVALID -> Nbd.EINVAL;
          case IoFailure.CLOSED -> Nbd.ESHUTDOWN;
          // the protocol keeps ENOTSUP for this one case
          case IoFailure.NOT_SUPPORTED ->
              request.has(Nbd.CMD_FLAG_FAST_ZERO) ? Nbd.ENOTSUP : Nbd.EINVAL;
          case MEDIUM, GONE, TIMEOUT, VOLATILE_LOSS, BUSY, OTHER -> Nbd.EIO;
        };
    return new Fault(error, text);
  }
}
