package io.mirrorctl.cli.nbd;

import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.AlignedBuffers;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Replies on their way out, put together so that one write carries them all: short ones are encoded
 * into one buffer, data leaves from where the device put it.
 *
 * <p>Threading: used by one thread at a time.
 */
final class ReplyBatch implements Closeable {
  private static final int STAGING_BYTES = 32 << 10;
  private static final int MOST_PARTS = 192;

  /** The most that one reply needs here: the chunk headers of a sparse read. */
  private static final int SHORT_BYTES = 4096;

  private static final int MOST_TEXT = 512;

  /** Data beyond which no further reply is added, so that no reply waits long for others. */
  private static final long ENOUGH = 1 << 20;

  private final boolean structured;
  private final int contextId;
  private final AlignedBuffers memory;
  private final ByteBuffer staging;
  private final ByteBuffer[] parts = new ByteBuffer[MOST_PARTS];
  private int count;
  private int stagedUpTo;
  private long dataBytes;

  /**
   * @param structured whether the client takes structured replies
   * @param contextId of base:allocation
   */
  ReplyBatch(boolean structured, int contextId, AlignedBuffers memory) {
    this.memory = memory;
    this.staging = memory.acquire(STAGING_BYTES);
    this.structured = structured;
    this.contextId = contextId;
  }

  /** Whether another reply still fits, whatever it is. */
  boolean hasRoom() {
    return staging.remaining() >= SHORT_BYTES
        && count + 2 * ZeroRuns.MOST_RUNS < MOST_PARTS
        && dataBytes < ENOUGH;
  }

  void add(Reply reply) {
    switch (reply) {
      case Reply.Done done -> done(done.request());
      case Reply.Failed failed -> failed(failed);
      case Reply.Data data -> data(data);
      case Reply.Status status -> status(status);
    }
  }

  /** Bytes to be sent. */
  long bytes() {
    return dataBytes + staging.position();
  }

  /** Sends everything. */
  void writeTo(Transport transport) throws IOException {
    closeStaged();
    if (count == 1) {
      transport.write(parts[0]);
    } else {
      transport.write(parts, count);
    }
  }

  /** Forgets everything. */
  void clear() {
    Arrays.fill(parts, 0, count, null);
    count = 0;
    dataBytes = 0;
    staging.clear();
    stagedUpTo = 0;
  }

  @Override
  public void close() {
    memory.release(staging);
  }

  private void done(Request request) {
    if (structured && request.type() == Nbd.CMD_READ) {
      chunk(staging, request, Nbd.REPLY_FLAG_DONE, Nbd.REPLY_TYPE_NONE, 0);
    } else {
      simple(staging, request, 0);
    }
  }

  private void failed(Reply.Failed failed) {
    Fault fault = failed.fault();
    if (!structured) {
      simple(staging, failed.request(), fault.error());
      return;
    }
    byte[] text = shortened(fault.text());
    chunk(
        staging,
        failed.request(),
        Nbd.REPLY_FLAG_DONE,
        Nbd.REPLY_TYPE_ERROR,
        Integer.BYTES + Short.BYTES + text.length);
    staging.putInt(fault.error()).putShort((short) text.length).put(text);
  }

  private void data(Reply.Data data) {
    Request request = data.request();
    ByteBuffer payload = data.payload();
    if (!structured) {
      simple(staging, request, 0);
      addData(payload);
      return;
    }
    var runs = data.runs();
    for (int i = 0; i < runs.size(); i++) {
      Reply.Run run = runs.get(i);
      int flags = i == runs.size() - 1 ? Nbd.REPLY_FLAG_DONE : 0;
      long offset = request.offset() + run.start();
      if (run.zero()) {
        hole(request, flags, offset, run.length());
      } else {
        chunk(staging, request, flags, Nbd.REPLY_TYPE_OFFSET_DATA, Long.BYTES + run.length());
        staging.putLong(offset);
        addData(runs.size() == 1 ? payload : payload.slice(run.start(), run.length()));
      }
    }
  }

  private void hole(Request request, int flags, long offset, int length) {
    chunk(staging, request, flags, Nbd.REPLY_TYPE_OFFSET_HOLE, Long.BYTES + Integer.BYTES);
    staging.putLong(offset).putInt(length);
  }

  private void status(Reply.Status status) {
    ImmutableIntArray descriptors = status.descriptors();
    int payload = Integer.BYTES + descriptors.length() * Integer.BYTES;
    boolean isShort = payload + Nbd.STRUCTURED_REPLY_BYTES <= SHORT_BYTES;
    ByteBuffer part = isShort ? staging : ByteBuffer.allocate(payload + Nbd.STRUCTURED_REPLY_BYTES);
    chunk(part, status.request(), Nbd.REPLY_FLAG_DONE, Nbd.REPLY_TYPE_BLOCK_STATUS, payload);
    part.putInt(contextId);
    descriptors.forEach(part::putInt);
    if (!isShort) {
      addData(part.flip());
    }
  }

  private static void simple(ByteBuffer into, Request request, int error) {
    into.putInt(Nbd.SIMPLE_REPLY_MAGIC).putInt(error).putLong(request.cookie());
  }

  private static void chunk(ByteBuffer into, Request request, int flags, int type, int length) {
    into.putInt(Nbd.STRUCTURED_REPLY_MAGIC)
        .putShort((short) flags)
        .putShort((short) type)
        .putLong(request.cookie())
        .putInt(length);
  }

  private void addData(ByteBuffer part) {
    closeStaged();
    parts[count++] = part;
    dataBytes += part.remaining();
  }

  /** Makes what was encoded since the last time a part of its own. */
  private void closeStaged() {
    int end = staging.position();
    if (end > stagedUpTo) {
      parts[count++] = staging.duplicate().position(stagedUpTo).limit(end);
      stagedUpTo = end;
    }
  }

  private static byte[] shortened(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    if (bytes.length <= MOST_TEXT) {
      return bytes;
    }
    int end = MOST_TEXT;
    while ((bytes[end] & 0xc0) == 0x80) {
      end--;
    }
    return Arrays.copyOf(bytes, end);
  }
}
