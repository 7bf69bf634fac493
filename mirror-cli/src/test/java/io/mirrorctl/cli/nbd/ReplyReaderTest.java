package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.fail;

import io.mirrorctl.core.block.BlockDevice.Extent;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ReplyReaderTest {
  private static final int CONTEXT = 5;
  private static final int GUARD = 16;

  /** Requests that wait, and those that were answered, in order. */
  private static final class Asked implements ReplyReader.Requests {
    private final Map<Long, NbdRequest> waiting = new HashMap<>();
    private final Map<Long, ByteBuffer> buffers = new HashMap<>();
    private final Map<Long, ReplyModel.Question> questions = new HashMap<>();
    private final List<Long> answered = new ArrayList<>();
    private final Map<Long, NbdRequest> ended = new HashMap<>();

    void read(long cookie, long offset, int length, boolean direct) {
      ByteBuffer guarded =
          direct
              ? ByteBuffer.allocateDirect(length + 2 * GUARD)
              : ByteBuffer.allocate(length + 2 * GUARD);
      for (int i = 0; i < guarded.capacity(); i++) {
        guarded.put(i, (byte) 0x5a);
      }
      ByteBuffer inner = guarded.slice(GUARD, length);
      add(cookie, NbdRequest.read(offset, inner));
      buffers.put(cookie, guarded);
    }

    void add(long cookie, NbdRequest request) {
      waiting.put(cookie, request);
      questions.put(
          cookie, new ReplyModel.Question(request.command, request.offset, request.length));
    }

    @Override
    public NbdRequest waiting(long cookie) throws ProtocolViolation {
      if (!waiting.containsKey(cookie)) {
        throw new ProtocolViolation("a reply to nothing");
      }
      return waiting.get(cookie);
    }

    @Override
    public void answered(long cookie, NbdRequest request) {
      assertThat(waiting.remove(cookie)).isSameAs(request);
      ended.put(cookie, request);
      answered.add(cookie);
    }

    byte[] dataOf(long cookie) {
      ByteBuffer guarded = buffers.get(cookie);
      byte[] data = new byte[guarded.capacity() - 2 * GUARD];
      guarded.get(GUARD, data);
      return data;
    }
  }

  private static ServerExport export(boolean chunks) {
    return new ServerExport(
        1L << 40,
        FakeServer.ALL_FLAGS,
        ServerExport.DEFAULT_SIZES,
        chunks,
        chunks ? OptionalInt.of(CONTEXT) : OptionalInt.empty(),
        Optional.empty());
  }

  /** Reads a stream in pieces, the way a connection does. */
  private static void feed(ReplyReader reader, byte[] stream, Random random) throws IOException {
    ByteBuffer received = ByteBuffer.allocateDirect(8192);
    for (int at = 0; at < stream.length; ) {
      ByteBuffer direct = reader.directSink();
      ByteBuffer into = direct == null ? received : direct;
      int n = Math.min(into.remaining(), stream.length - at);
      n = random.nextInt(4) == 0 ? Math.min(n, 1 + random.nextInt(40)) : n;
      into.put(stream, at, n);
      at += n;
      if (direct == null) {
        received.flip();
        reader.consume(received);
        received.compact();
      } else {
        reader.filled();
      }
    }
  }

  // ---- chunks, made by hand

  private static byte[] simple(long cookie, int error, byte[] data) {
    return ByteBuffer.allocate(16 + data.length)
        .putInt(Nbd.SIMPLE_REPLY_MAGIC)
        .putInt(error)
        .putLong(cookie)
        .put(data)
        .array();
  }

  private static byte[] chunk(long cookie, boolean last, int type, byte[] payload) {
    return chunk(cookie, last, type, payload, payload.length);
  }

  private static byte[] chunk(
      long cookie, boolean last, int type, byte[] payload, int statedLength) {
    return ByteBuffer.allocate(20 + payload.length)
        .putInt(Nbd.STRUCTURED_REPLY_MAGIC)
        .putShort((short) (last ? 1 : 0))
        .putShort((short) type)
        .putLong(cookie)
        .putInt(statedLength)
        .put(payload)
        .array();
  }

  private static byte[] data(long cookie, boolean last, long offset, byte[] bytes) {
    return chunk(
        cookie,
        last,
        Nbd.REPLY_TYPE_OFFSET_DATA,
        ByteBuffer.allocate(8 + bytes.length).putLong(offset).put(bytes).array());
  }

  private static byte[] hole(long cookie, boolean last, long offset, int size) {
    return chunk(
        cookie,
        last,
        Nbd.REPLY_TYPE_OFFSET_HOLE,
        ByteBuffer.allocate(12).putLong(offset).putInt(size).array());
  }

  private static byte[] done(long cookie) {
    return chunk(cookie, true, Nbd.REPLY_TYPE_NONE, new byte[0]);
  }

  private static byte[] error(long cookie, int error, int textLength, String text) {
    byte[] bytes = text.getBytes(UTF_8);
    return chunk(
        cookie,
        true,
        Nbd.REPLY_TYPE_ERROR,
        ByteBuffer.allocate(6 + bytes.length)
            .putInt(error)
            .putShort((short) textLength)
            .put(bytes)
            .array());
  }

  private static byte[] extents(long cookie, boolean last, int context, int... lengthsAndStates) {
    ByteBuffer payload = ByteBuffer.allocate(4 + 4 * lengthsAndStates.length).putInt(context);
    for (int word : lengthsAndStates) {
      payload.putInt(word);
    }
    return chunk(cookie, last, Nbd.REPLY_TYPE_BLOCK_STATUS, payload.array());
  }

  private static byte[] join(byte[]... parts) {
    var joined = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      joined.writeBytes(part);
    }
    return joined.toByteArray();
  }

  private static byte[] bytes(int length, int value) {
    byte[] bytes = new byte[length];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  /** A read of 1024 bytes at 4096 under cookie 1, extents of the same under 2, a flush under 3. */
  private static Asked three() {
    var asked = new Asked();
    asked.read(1, 4096, 1024, true);
    asked.add(2, NbdRequest.blockStatus(4096, 1024));
    asked.add(3, NbdRequest.flush());
    return asked;
  }

  private static void accepted(Asked asked, byte[]... stream) throws IOException {
    feed(new ReplyReader(export(true), asked), join(stream), new Random(1));
  }

  private static void broken(byte[]... stream) {
    Asked asked = three();
    var reader = new ReplyReader(export(true), asked);
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> feed(reader, join(stream), new Random(1)));
    assertThat(asked.answered).isEmpty();
  }

  @Test
  void aReadIsPutTogetherFromChunksInAnyOrder() throws Exception {
    Asked asked = three();
    accepted(
        asked,
        data(1, false, 4096 + 512, bytes(256, 2)),
        done(3),
        hole(1, false, 4096 + 768, 256),
        data(1, false, 4096, bytes(512, 1)),
        done(1));
    assertThat(asked.answered).containsExactly(3L, 1L);
    assertThat(asked.dataOf(1)).isEqualTo(join(bytes(512, 1), bytes(256, 2), bytes(256, 0)));
  }

  @Test
  void extentsAreCutAtTheEndOfTheRange() throws Exception {
    Asked asked = three();
    accepted(asked, extents(2, true, CONTEXT, 512, 3, 256, 0, 1 << 30, 2));
    assertThat(asked.ended.get(2L).extents())
        .containsExactly(
            new Extent(512, true, true),
            new Extent(256, false, false),
            new Extent(256, false, true));
  }

  @Test
  void aReplyToNothingOrTwiceBreaksTheConnection() {
    broken(done(9));
    broken(simple(9, 0, new byte[0]));
    Asked asked = three();
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> accepted(asked, done(3), done(3)));
    assertThat(asked.answered).containsExactly(3L);
  }

  @Test
  void chunksOutsideTheRequestBreakTheConnection() {
    broken(data(1, true, 4096 - 1, bytes(1024, 1)));
    broken(data(1, true, 4096 + 1, bytes(1024, 1)));
    broken(data(1, true, 0, bytes(512, 1)));
    broken(data(1, true, -1, bytes(512, 1)));
    broken(data(1, true, Long.MIN_VALUE, bytes(512, 1)));
    broken(hole(1, true, 4096 + 1024, 1));
    broken(hole(1, true, 4096, -1));
    broken(hole(1, true, 4096, 0));
    broken(hole(1, true, 4096 + 512, Integer.MAX_VALUE));
  }

  @Test
  void overlappingAndMissingChunksBreakTheConnection() {
    broken(data(1, false, 4096, bytes(513, 1)), data(1, true, 4096 + 512, bytes(512, 1)));
    broken(hole(1, false, 4096, 1024), data(1, true, 4096 + 100, bytes(1, 1)));
    broken(data(1, true, 4096, bytes(1023, 1)));
    broken(data(1, true, 4097, bytes(1023, 1)));
    broken(data(1, false, 4096, bytes(512, 1)), done(1));
    broken(done(1));
    broken(done(2));
  }

  @Test
  void chunksOfTheWrongKindBreakTheConnection() {
    broken(data(3, true, 0, bytes(1, 1)));
    broken(data(2, true, 4096, bytes(8, 1)));
    broken(extents(1, true, CONTEXT, 512, 0));
    broken(chunk(1, true, 6, bytes(16, 0)));
    broken(chunk(3, false, Nbd.REPLY_TYPE_NONE, new byte[0]));
    broken(chunk(3, true, Nbd.REPLY_TYPE_NONE, bytes(4, 0)));
    broken(simple(1, 0, bytes(1024, 0)));
    broken(simple(1, Nbd.EIO, new byte[0]));
    broken(simple(2, 0, new byte[0]));
    broken(new byte[] {1, 2, 3, 4});
  }

  @Test
  void lengthsThatCannotBeBreakTheConnectionBeforeAnythingIsReadByThem() {
    for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 0, 5, 8, 1033}) {
      broken(chunk(1, true, Nbd.REPLY_TYPE_OFFSET_DATA, new byte[0], length));
    }
    for (int length : new int[] {-1, Integer.MIN_VALUE, Integer.MAX_VALUE, 0, 5, 4111, 13 << 20}) {
      broken(chunk(1, true, Nbd.REPLY_TYPE_ERROR, new byte[0], length));
    }
    for (int length : new int[] {-4, Integer.MAX_VALUE - 3, 4, 5, 13, 4 + (8 << 20) + 8}) {
      broken(chunk(2, true, Nbd.REPLY_TYPE_BLOCK_STATUS, new byte[0], length));
    }
    broken(chunk(1, true, Nbd.REPLY_TYPE_ERROR_OFFSET, new byte[0], 13));
    broken(chunk(1, true, Nbd.REPLY_TYPE_OFFSET_HOLE, new byte[0], 11));
  }

  @Test
  void extentsThatAreEmptyTooManyOrOfAnotherContextBreakTheConnection() {
    broken(extents(2, true, CONTEXT + 1, 512, 0));
    broken(extents(2, true, CONTEXT, 0, 0));
    broken(extents(2, true, CONTEXT, 1024, 0, 512, 0));
    broken(extents(2, false, CONTEXT, 512, 0), extents(2, true, CONTEXT, 512, 0));
  }

  @Test
  void anErrorSaysWhatTheServerSaidAndTheConnectionGoesOn() throws Exception {
    Asked asked = three();
    accepted(
        asked,
        error(3, Nbd.ENOSPC, 4, "full"),
        error(1, Nbd.EIO, 0, ""),
        extents(2, true, CONTEXT, 1024, 0));
    assertThat(asked.answered).containsExactly(3L, 1L, 2L);
    assertThat(asked.ended.get(3L).refused()).isTrue();
    assertThat(asked.ended.get(2L).refused()).isFalse();
    asked.ended.get(3L).complete();
    assertThatExceptionOfType(DeviceException.class)
        .isThrownBy(() -> asked.ended.get(3L).await(_ -> false, "disk"))
        .withMessage("disk: flush: the server says ENOSPC (no space left): \"full\"")
        .satisfies(e -> assertThat(e.failure()).isEqualTo(IoFailure.NO_SPACE));
  }

  @Test
  void anErrorThatIsNoneOrWhoseTextIsTooLongBreaksTheConnection() {
    broken(error(3, 0, 0, ""));
    broken(error(3, Nbd.EIO, 5, "full"));
    broken(error(3, Nbd.EIO, 65_535, "full"));
    broken(error(3, Nbd.EIO, 4097, "x".repeat(4097)));
    ByteBuffer elsewhere = ByteBuffer.allocate(14).putInt(Nbd.EIO).putShort((short) 0);
    broken(chunk(1, true, Nbd.REPLY_TYPE_ERROR_OFFSET, elsewhere.putLong(4096 + 1024).array()));
  }

  @Test
  void chunksAreNotTakenWithoutHavingBeenAgreed() {
    Asked asked = three();
    var reader = new ReplyReader(export(false), asked);
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> feed(reader, done(3), new Random(1)));
  }

  @Test
  void aReadInCountlessPiecesBreaksTheConnection() {
    var asked = new Asked();
    asked.read(1, 0, 1 << 20, true);
    var stream = new ByteArrayOutputStream();
    for (int i = 0; i <= ReadCoverage.MAX_PIECES; i++) {
      stream.writeBytes(hole(1, false, 2L * i, 1));
    }
    assertThatExceptionOfType(ProtocolViolation.class)
        .isThrownBy(() -> accepted(asked, stream.toByteArray()))
        .withMessageContaining("pieces");
  }

  // ---- against the model

  /** Random requests, a stream that answers them all, and the same in the model's words. */
  private static byte[] randomStream(Asked asked, boolean chunks, Random random) {
    List<ArrayDeque<byte[]>> replies = new ArrayList<>();
    int count = 1 + random.nextInt(5);
    for (long cookie = 0; cookie < count; cookie++) {
      long offset = 512L * random.nextInt(1000);
      int length = 512 * (1 + random.nextInt(random.nextInt(8) == 0 ? 40 : 3));
      int kind = random.nextInt(chunks ? 4 : 3);
      switch (kind) {
        case 0 -> asked.add(cookie, NbdRequest.flush());
        case 1, 2 -> asked.read(cookie, offset, length, random.nextBoolean());
        default -> asked.add(cookie, NbdRequest.blockStatus(offset, length));
      }
      ArrayDeque<byte[]> reply = new ArrayDeque<>();
      if (random.nextInt(6) == 0) {
        reply.add(chunks ? error(cookie, Nbd.EIO, 3, "bad") : simple(cookie, Nbd.EIO, new byte[0]));
      } else if (!chunks) {
        byte[] data = new byte[kind == 0 ? 0 : length];
        random.nextBytes(data);
        reply.add(simple(cookie, 0, data));
      } else if (kind == 0) {
        reply.add(random.nextBoolean() ? done(cookie) : simple(cookie, 0, new byte[0]));
      } else if (kind == 3) {
        int first = 512 * (1 + random.nextInt(length / 512));
        reply.add(
            extents(cookie, true, CONTEXT, first, random.nextInt(4), length, random.nextInt(4)));
        if (first == length) {
          reply.clear();
          reply.add(extents(cookie, true, CONTEXT, first, random.nextInt(4)));
        }
      } else {
        reply.addAll(readChunks(cookie, offset, length, random));
      }
      replies.add(reply);
    }
    var stream = new ByteArrayOutputStream();
    while (!replies.isEmpty()) {
      int pick = random.nextInt(replies.size());
      stream.writeBytes(replies.get(pick).remove());
      if (replies.get(pick).isEmpty()) {
        replies.remove(pick);
      }
    }
    return stream.toByteArray();
  }

  private static List<byte[]> readChunks(long cookie, long offset, int length, Random random) {
    List<byte[]> chunks = new ArrayList<>();
    for (int at = 0; at < length; ) {
      int size = Math.min(length - at, 1 + random.nextInt(length));
      if (random.nextInt(3) == 0) {
        chunks.add(hole(cookie, false, offset + at, size));
      } else {
        byte[] data = new byte[size];
        random.nextBytes(data);
        chunks.add(data(cookie, false, offset + at, data));
      }
      at += size;
    }
    Collections.shuffle(chunks, random);
    chunks.add(done(cookie));
    return chunks;
  }

  /** Returns whether the stream was nonsense. */
  private static boolean compareWithTheModel(long seed, boolean damaged) {
    Random random = new Random(seed);
    boolean chunks = random.nextInt(4) != 0;
    var asked = new Asked();
    byte[] stream = randomStream(asked, chunks, random);
    if (damaged) {
      stream = Mutation.of(stream, random);
    }
    ReplyModel.Meaning meaning = ReplyModel.of(stream, asked.questions, chunks, CONTEXT);
    assertThat(meaning.broken && !damaged).as("seed %s: the model", seed).isFalse();
    boolean broken = false;
    try {
      feed(new ReplyReader(export(chunks), asked), stream, random);
    } catch (IOException e) {
      broken = true;
    } catch (RuntimeException e) {
      fail("seed " + seed, e);
    }
    assertThat(broken).as("seed %s: broken", seed).isEqualTo(meaning.broken);
    assertThat(asked.answered)
        .as("seed %s: answers", seed)
        .isEqualTo(meaning.answers.stream().map(ReplyModel.Answer::cookie).toList());
    for (ReplyModel.Answer answer : meaning.answers) {
      sameAnswer(seed, asked, answer);
    }
    for (ByteBuffer guarded : asked.buffers.values()) {
      for (int i = 0; i < GUARD; i++) {
        if (guarded.get(i) != 0x5a || guarded.get(guarded.capacity() - 1 - i) != 0x5a) {
          fail("seed " + seed + ": written beside the buffer");
        }
      }
    }
    return broken;
  }

  private static void sameAnswer(long seed, Asked asked, ReplyModel.Answer answer) {
    NbdRequest request = asked.ended.get(answer.cookie());
    assertThat(request.refused()).as("seed %s: error", seed).isEqualTo(answer.error());
    if (answer.error()) {
      return;
    }
    if (request.command == Nbd.CMD_READ) {
      assertThat(Arrays.equals(asked.dataOf(answer.cookie()), answer.data()))
          .as("seed %s: data", seed)
          .isTrue();
    }
    if (request.command == Nbd.CMD_BLOCK_STATUS) {
      assertThat(spread(request.extents())).as("seed %s", seed).isEqualTo(merged(answer.extents()));
    }
  }

  private static List<Long> spread(List<Extent> extents) {
    List<Long> words = new ArrayList<>();
    for (Extent extent : extents) {
      words.add(extent.length());
      words.add((extent.hole() ? 1L : 0L) + (extent.zero() ? 2L : 0L));
    }
    return words;
  }

  private static List<Long> merged(List<Long> words) {
    List<Long> merged = new ArrayList<>();
    for (int i = 0; i < words.size(); i += 2) {
      int last = merged.size() - 1;
      if (last > 0 && merged.get(last).equals(words.get(i + 1))) {
        merged.set(last - 1, merged.get(last - 1) + words.get(i));
      } else {
        merged.add(words.get(i));
        merged.add(words.get(i + 1));
      }
    }
    return merged;
  }

  @Test
  void everyStreamMeansTheSameToTheModel() {
    for (long seed = 0; seed < 3_000; seed++) {
      assertThat(compareWithTheModel(seed, false)).isFalse();
    }
  }

  @Test
  void everyDamagedStreamMeansTheSameToTheModel() {
    int broken = 0;
    for (long seed = 0; seed < 20_000; seed++) {
      broken += compareWithTheModel(seed, true) ? 1 : 0;
    }
    assertThat(broken).as("streams of both kinds").isBetween(5_000, 17_000);
  }

  @Test
  @Tag("nightly")
  void aMillionDamagedStreamsMeanTheSameToTheModel() {
    for (long seed = 1_000_000; seed < 2_000_000; seed++) {
      boolean _ = compareWithTheModel(seed, true);
    }
  }
}
