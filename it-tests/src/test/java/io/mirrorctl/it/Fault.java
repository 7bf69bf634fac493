package io.mirrorctl.it;

/**
 * An error that a {@link FuseFaultyFile} answers with.
 *
 * @param request which requests fail, in blkdebug's words: read, write, write-zeroes, discard,
 *     flush
 * @param sector fails requests that touch this sector of 512 bytes; -1 fails all
 * @param errno the error's number: 5 is EIO
 * @param once whether the error goes away after it was met once, as a bad sector does when the disk
 *     has written it anew
 */
public record Fault(String request, long sector, int errno, boolean once) {
  private static final int EIO = 5;
  private static final int ENOSPC = 28;

  /** Reads of the sector fail with EIO. */
  public static Fault onRead(long sector) {
    return new Fault("read", sector, EIO, false);
  }

  /** Writes of the sector fail with EIO. */
  public static Fault onWrite(long sector) {
    return new Fault("write", sector, EIO, false);
  }

  /** Every flush fails with EIO, and so does closing the file, which flushes too. */
  public static Fault onFlush() {
    return new Fault("flush", -1, EIO, false);
  }

  /** Writes of the sector fail with ENOSPC. */
  public static Fault noSpaceOn(long sector) {
    return new Fault("write", sector, ENOSPC, false);
  }

  /** The same error, met once. */
  public Fault onlyOnce() {
    return new Fault(request, sector, errno, true);
  }

  /** As options of blkdebug. */
  String toOptions(int index) {
    String rule = ",inject-error." + index + ".";
    return rule
        + ("event=none" + rule + "iotype=" + request + rule + "errno=" + errno)
        + (rule + "sector=" + sector + rule + "once=" + (once ? "on" : "off"));
  }
}
