package io.mirrorctl.core.block;

import java.io.IOException;

/** An I/O error whose kind is known. */
public final class DeviceException extends IOException {
  private static final long serialVersionUID = 1L;

  private final IoFailure failure;

  /**
   * @param failure what kind of error
   * @param message names the device, the place and the cause
   */
  public DeviceException(IoFailure failure, String message) {
    super(message);
    this.failure = failure;
  }

  public DeviceException(IoFailure failure, String message, Throwable cause) {
    super(message, cause);
    this.failure = failure;
  }

  /** The kind of this error. */
  public IoFailure failure() {
    return failure;
  }

  /** The kind of any I/O error; {@link IoFailure#OTHER} where it is not known. */
  public static IoFailure kindOf(IOException e) {
    return e instanceof DeviceException d ? d.failure() : IoFailure.OTHER;
  }
}
