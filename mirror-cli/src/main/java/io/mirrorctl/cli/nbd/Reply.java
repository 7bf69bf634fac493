package io.mirrorctl.cli.nbd;

import com.google.common.primitives.ImmutableIntArray;
import java.nio.ByteBuffer;
import java.util.List;

/** What a request ends with. */
sealed interface Reply {
  Request request();

  /** Success, nothing to say. */
  record Done(Request request) implements Reply {}

  /** Nothing the client may rely on has happened. */
  record Failed(Request request, Fault fault) implements Reply {}

  /**
   * The data of a read.
   *
   * @param payload the data, from position 0 to the limit
   * @param runs how it is to be sent: adjoining runs that cover the whole length
   */
  record Data(Request request, ByteBuffer payload, List<Run> runs) implements Reply {}

  /**
   * How a range is allocated.
   *
   * @param descriptors pairs of length in bytes and status flags
   */
  record Status(Request request, ImmutableIntArray descriptors) implements Reply {}

  /**
   * A part of a read.
   *
   * @param start byte in the payload
   * @param length bytes
   * @param zero whether all of them are zero
   */
  record Run(int start, int length, boolean zero) {}
}
