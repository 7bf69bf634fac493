package io.mirrorctl.cli.nbd;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a stream of replies means, worked out from the whole of it in the plainest way: the oracle
 * for {@link ReplyReader}, which sees it in pieces.
 */
final class ReplyModel {
  /** A question, as the protocol sees it. */
  record Question(int command, long offset, int length) {}

  /** What has been answered, in the order of the answers, and whether the stream is nonsense. */
  static final class Meaning {
    final List<Answer> answers = new ArrayList<>();
    boolean broken;
  }

  /** One answer: an error, or data for a read, or extents as length and state alternately. */
  @SuppressWarnings("ArrayRecordComponent") // compared by hand
  record Answer(long cookie, boolean error, byte[] data, List<Long> extents) {}

  private static final class Nonsense extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private static final class Incomplete extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private static final class Progress {
    private final byte[] data;
    private final boolean[] seen;
    private List<Long> extents;
    private boolean error;

    private Progress(Question question) {
      int bytes = question.command() == Nbd.CMD_READ ? question.length() : 0;
      data = new byte[bytes];
      seen = new boolean[bytes];
    }
  }

  private final ByteBuffer in;
  private final Map<Long, Question> open;
  private final boolean chunks;
  private final int context;
  private final Map<Long, Progress> progress = new HashMap<>();
  private final Meaning meaning = new Meaning();

  private ReplyModel(byte[] stream, Map<Long, Question> questions, boolean chunks, int context) {
    this.in = ByteBuffer.wrap(stream);
    this.open = new HashMap<>(questions);
    this.chunks = chunks;
    this.context = context;
  }

  static Meaning of(byte[] stream, Map<Long, Question> questions, boolean chunks, int context) {
    var model = new ReplyModel(stream, questions, chunks, context);
    try {
      while (true) {
        model.reply();
      }
    } catch (Incomplete e) {
      return model.meaning;
    } catch (Nonsense e) {
      model.meaning.broken = true;
      return model.meaning;
    }
  }

  private void reply() throws Nonsense, Incomplete {
    need(4);
    int magic = in.getInt(in.position());
    if (magic == Nbd.SIMPLE_REPLY_MAGIC) {
      need(16);
      in.getInt();
      int error = in.getInt();
      long cookie = in.getLong();
      simple(cookie, question(cookie), error);
    } else if (magic == Nbd.STRUCTURED_REPLY_MAGIC && chunks) {
      need(20);
      in.getInt();
      boolean last = (in.getShort() & 1) != 0;
      int type = in.getShort() & 0xffff;
      long cookie = in.getLong();
      long length = in.getInt() & 0xffff_ffffL;
      Question question = question(cookie);
      chunk(cookie, question, type, length, last);
      if (last) {
        end(cookie, question);
      }
    } else {
      throw new Nonsense();
    }
  }

  private void simple(long cookie, Question question, int error) throws Nonsense, Incomplete {
    boolean read = question.command() == Nbd.CMD_READ;
    check(!(read && chunks));
    check(error != 0 || question.command() != Nbd.CMD_BLOCK_STATUS);
    Progress now = progress(cookie, question);
    if (error != 0) {
      refuse(now, error);
    } else if (read) {
      need(question.length());
      in.get(now.data);
      java.util.Arrays.fill(now.seen, true);
    }
    end(cookie, question);
  }

  private void chunk(long cookie, Question question, int type, long length, boolean last)
      throws Nonsense, Incomplete {
    Progress now = progress(cookie, question);
    if (type >= 1 << 15) {
      boolean withOffset = type == Nbd.REPLY_TYPE_ERROR_OFFSET;
      check(length >= (withOffset ? 14 : 6) && length <= 4096 + 14);
      need((int) length);
      int end = in.position() + (int) length;
      int error = in.getInt();
      int text = in.getShort() & 0xffff;
      check(error != 0 && text <= 4096 && 6 + text + (withOffset ? 8 : 0) <= length);
      if (withOffset) {
        in.position(in.position() + text);
        long at = in.getLong() - question.offset();
        check(at >= 0 && at < Math.max(1, question.length()));
      }
      in.position(end);
      refuse(now, error);
      return;
    }
    switch (type) {
      case Nbd.REPLY_TYPE_NONE -> check(length == 0 && last);
      case Nbd.REPLY_TYPE_OFFSET_DATA -> {
        check(question.command() == Nbd.CMD_READ && length > 8 && length - 8 <= question.length());
        need(8);
        int at = place(now, question, in.getLong(), length - 8);
        need((int) length - 8);
        in.get(now.data, at, (int) length - 8);
      }
      case Nbd.REPLY_TYPE_OFFSET_HOLE -> {
        check(question.command() == Nbd.CMD_READ && length == 12);
        need(12);
        long offset = in.getLong();
        place(now, question, offset, in.getInt() & 0xffff_ffffL);
      }
      case Nbd.REPLY_TYPE_BLOCK_STATUS -> {
        check(question.command() == Nbd.CMD_BLOCK_STATUS && length >= 12 && length % 8 == 4);
        check(length <= 4 + (8 << 20));
        need(4);
        check(in.getInt() == context && now.extents == null);
        now.extents = new ArrayList<>();
        long sum = 0;
        for (long i = 0; i < length / 8; i++) {
          need(8);
          long extent = in.getInt() & 0xffff_ffffL;
          check(extent > 0 && sum < question.length());
          now.extents.add(Math.min(extent, question.length() - sum));
          now.extents.add((long) in.getInt() & 3);
          sum += extent;
        }
      }
      default -> throw new Nonsense();
    }
  }

  private static int place(Progress now, Question question, long offset, long length)
      throws Nonsense {
    boolean inside =
        length > 0
            && offset >= question.offset()
            && offset - question.offset() <= question.length() - length;
    check(inside);
    int at = (int) (offset - question.offset());
    for (int i = at; i < at + length; i++) {
      check(!now.seen[i]);
      now.seen[i] = true;
    }
    return at;
  }

  private static void refuse(Progress now, int error) throws Nonsense {
    // the server is about to go away, which ends the stream like nonsense does
    check(error != Nbd.ESHUTDOWN);
    now.error = true;
  }

  private void end(long cookie, Question question) throws Nonsense {
    Progress now = progress(cookie, question);
    if (!now.error) {
      for (boolean byteSeen : now.seen) {
        check(byteSeen);
      }
      check(question.command() != Nbd.CMD_BLOCK_STATUS || now.extents != null);
    }
    open.remove(cookie);
    meaning.answers.add(
        new Answer(cookie, now.error, now.data, now.extents == null ? List.of() : now.extents));
  }

  private Question question(long cookie) throws Nonsense {
    check(open.containsKey(cookie));
    return open.get(cookie);
  }

  private Progress progress(long cookie, Question question) {
    return progress.computeIfAbsent(cookie, _ -> new Progress(question));
  }

  private void need(int bytes) throws Incomplete {
    if (in.remaining() < bytes) {
      throw new Incomplete();
    }
  }

  private static void check(boolean sane) throws Nonsense {
    if (!sane) {
      throw new Nonsense();
    }
  }
}
