package io.mirrorctl.cli.nbd;

/**
 * How an {@link NbdDevice} stands with its server at one moment.
 *
 * @param connection whether there is one
 * @param trouble what is or went wrong, for people; empty while connected
 * @param lossUnacknowledged whether answered writes may be lost and every request fails for it
 * @param reconnects how often a lost connection was made anew
 */
public record NbdStatus(
    Connection connection, String trouble, boolean lossUnacknowledged, long reconnects) {

  /** Whether there is a connection. */
  public enum Connection {
    /** Requests are served. */
    CONNECTED,
    /** The connection is lost; requests wait for a new one. */
    RECONNECTING,
    /** The retry limit is over; requests fail at once, but the server is still looked for. */
    GONE,
    /** The device was closed. */
    CLOSED
  }
}
