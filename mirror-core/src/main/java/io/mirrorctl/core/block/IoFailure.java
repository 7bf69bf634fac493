package io.mirrorctl.core.block;

/** The kinds of error a device can meet, by what its user can do about them. */
public enum IoFailure {
  /** The medium cannot read or write these sectors (EIO, EILSEQ, ENODATA). */
  MEDIUM,
  /** The storage below is full (ENOSPC, EDQUOT, EFBIG). */
  NO_SPACE,
  /** The device has gone away (ENODEV, ENXIO, connection lost beyond the retry limit). */
  GONE,
  /** No answer within the limit. */
  TIMEOUT,
  /**
   * The storage came back after a break and may have lost writes that were answered but not
   * flushed. Every request fails in this way until {@link VolatileDevice#acknowledgeLoss}.
   */
  VOLATILE_LOSS,
  /** The device is read-only, or this user may not do that (EROFS, EPERM, EACCES). */
  READ_ONLY,
  /** Somebody else uses the device (EBUSY). */
  BUSY,
  /** The device cannot do that (EOPNOTSUPP). */
  NOT_SUPPORTED,
  /** The request is wrong: unaligned, outside the device, too long (EINVAL). */
  INVALID,
  /** The device was closed by its user. */
  CLOSED,
  /** Any other error. */
  OTHER
}
