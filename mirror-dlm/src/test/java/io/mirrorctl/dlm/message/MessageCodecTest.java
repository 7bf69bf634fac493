package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.format.MdUuid;
import io.mirrorctl.dlm.message.ClusterMessage.Abort;
import io.mirrorctl.dlm.message.ClusterMessage.BitmapNeedsSync;
import io.mirrorctl.dlm.message.ClusterMessage.BitmapResize;
import io.mirrorctl.dlm.message.ClusterMessage.Change;
import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.message.ClusterMessage.Fact;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.NewDisk;
import io.mirrorctl.dlm.message.ClusterMessage.Probe;
import io.mirrorctl.dlm.message.ClusterMessage.Remove;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncFinished;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncStart;
import io.mirrorctl.dlm.message.ClusterMessage.Resyncing;
import io.mirrorctl.dlm.store.Bytes;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MessageCodecTest {
  private static final Map<String, Bytes> GOLDEN = GoldenMessages.read();

  /** The messages that the golden vectors spell. */
  private static Map<String, Envelope> spelled() {
    var all = new LinkedHashMap<String, Envelope>();
    all.put(
        "NewDisk",
        new Envelope(3, 42, new NewDisk(MdUuid.parse("447f425b:21f8c7b7:7413fd5d:9af5dfdb"), 5)));
    all.put("Remove", new Envelope(65535, -1, new Remove(255)));
    all.put("BitmapResize", new Envelope(1, 7, new BitmapResize(1L << 34, 128)));
    all.put("ResyncStart", new Envelope(2, 8, new ResyncStart()));
    all.put("Probe", new Envelope(2, 18, new Probe(6)));
    all.put("DiskName", new Envelope(2, 19, new ClusterMessage.DiskName(1, 2, Bytes.utf8("disk"))));
    all.put("Hold", new Envelope(2, 9, new Hold(Change.FAILED, 215, Bits256.of(1, 255))));
    all.put("HoldForRegroup", new Envelope(2, 9, new Hold(Change.REGROUPED, 215, Bits256.NONE)));
    all.put("MetadataUpdated", new Envelope(2, 10, new MetadataUpdated(215, 4)));
    all.put("Resume", new Envelope(2, 11, new Resume(215)));
    all.put("Abort", new Envelope(2, 12, new Abort(11)));
    var first = SectorRange.ofLength(65536, 65536);
    all.put("ResyncingOne", new Envelope(2, 13, new Resyncing(ResyncWindows.of(first))));
    all.put(
        "ResyncingTwo",
        new Envelope(
            2,
            14,
            new Resyncing(
                new ResyncWindows(
                    List.of(first, SectorRange.ofLength(131072, 0xFFFF_FFFFL)),
                    Bits256.of(0, 15, 255)))));
    all.put("ResyncFinished", new Envelope(2, 15, new ResyncFinished()));
    all.put("BitmapNeedsSync", new Envelope(2, 16, new BitmapNeedsSync(3)));
    all.put("ChangeCapacity", new Envelope(2, 17, new ChangeCapacity(1L << 34)));
    all.put("Rewrite", new Envelope(2, 18, new ClusterMessage.Rewrite(3)));
    return all;
  }

  static Stream<String> names() {
    return spelled().keySet().stream();
  }

  @Test
  void thereIsAGoldenVectorOfEveryKind() {
    assertThat(GOLDEN).containsOnlyKeys(spelled().keySet());
    var kinds = new HashSet<Class<?>>();
    spelled().values().forEach(envelope -> kinds.add(envelope.message().getClass()));
    assertThat(kinds).containsExactlyInAnyOrder(kinds());
  }

  private static Class<?>[] kinds() {
    return Stream.of(ClusterMessage.class.getPermittedSubclasses())
        .flatMap(family -> Stream.of(family.getPermittedSubclasses()))
        .toArray(Class<?>[]::new);
  }

  @ParameterizedTest
  @MethodSource("names")
  void aMessageIsWrittenAsTheVectorSays(String name) {
    assertThat(MessageCodec.encode(spelled().get(name))).isEqualTo(GOLDEN.get(name));
  }

  @ParameterizedTest
  @MethodSource("names")
  void aVectorIsReadAsTheMessageItSpells(String name) {
    assertThat(MessageCodec.decode(GOLDEN.get(name)))
        .isEqualTo(new MessageRead.Valid(spelled().get(name)));
  }

  @ParameterizedTest
  @MethodSource("names")
  void theTopBitOfTheKindTellsFactsFromProposals(String name) {
    boolean fact = spelled().get(name).message() instanceof Fact;

    assertThat((GOLDEN.get(name).buffer().get(1) & 0x80) != 0).isEqualTo(fact);
  }

  @Test
  void aBlockOfZeroesIsNoMessage() {
    assertThat(MessageCodec.decode(Bytes.of(new byte[64]))).isEqualTo(new MessageRead.None());
  }

  @Test
  void anUnknownKindTellsWhomToAnswerAndWhat() {
    byte[] bytes = GOLDEN.get("NewDisk").toArray();
    bytes[1] = 0x7F;

    assertThat(MessageCodec.decode(Bytes.of(bytes)))
        .isEqualTo(new MessageRead.Unreadable(3, 42, false, "unknown message kind 0x7f"));
    bytes[1] = (byte) 0xFF;
    assertThat(MessageCodec.decode(Bytes.of(bytes)))
        .isEqualTo(new MessageRead.Unreadable(3, 42, true, "unknown message kind 0xff"));
  }

  @Test
  void anotherVersionTellsWhomToAnswerAndWhat() {
    byte[] bytes = GOLDEN.get("Remove").toArray();
    bytes[0] = 2;

    assertThat(MessageCodec.decode(Bytes.of(bytes)))
        .isEqualTo(new MessageRead.Unreadable(65535, -1, false, "message version 2, not 1"));
  }

  @ParameterizedTest
  @MethodSource("names")
  void aByteBeyondTheFieldsOfAMessageMustBeZero(String name) {
    byte[] zeroes = GOLDEN.get(name).toArray();
    int used = MessageLayout.of(name).used();
    for (int at = 8; at < 64; at++) {
      if (!MessageLayout.of(name).isField(at)) {
        byte[] bytes = zeroes.clone();
        bytes[at] = 1;
        assertThat(MessageCodec.decode(Bytes.of(bytes)))
            .as("byte %d of %s, which uses %d", at, name, used)
            .isInstanceOfSatisfying(
                MessageRead.Unreadable.class,
                unreadable -> assertThat(unreadable.reason()).contains("byte"));
      }
    }
  }

  @Test
  void anyBytesEndInAnAnswerAndWhatIsReadIsWrittenTheSame() {
    long seed = Long.getLong("message.seed", 20261120);
    var random = new SplittableRandom(seed);
    var vectors = List.copyOf(GOLDEN.values());
    int valid = 0;
    for (int i = 0; i < 200_000; i++) {
      byte[] bytes = vectors.get(random.nextInt(vectors.size())).toArray();
      if (random.nextInt(8) == 0) {
        random.nextBytes(bytes);
        bytes[0] = (byte) random.nextInt(3);
      }
      for (int flips = random.nextInt(4); flips > 0; flips--) {
        bytes[random.nextInt(64)] ^= (byte) (1 << random.nextInt(8));
      }
      MessageRead read = MessageCodec.decode(Bytes.of(bytes));
      switch (read) {
        case MessageRead.Valid(var envelope) -> {
          valid++;
          assertThat(MessageCodec.encode(envelope))
              .as("seed %d, round %d", seed, i)
              .isEqualTo(Bytes.of(bytes));
        }
        case MessageRead.Unreadable(int sender, _, boolean fact, String reason) -> {
          assertThat(reason).as("seed %d, round %d", seed, i).isNotBlank();
          assertThat(sender).isEqualTo((bytes[2] & 0xFF) | (bytes[3] & 0xFF) << 8);
          assertThat(fact).isEqualTo(bytes[1] < 0);
        }
        case MessageRead.None() -> assertThat(bytes).containsOnly(0);
      }
    }
    assertThat(valid).isBetween(20_000, 180_000);
  }

  @Test
  void bytesOfAnotherLengthAreUnreadable() {
    assertThat(MessageCodec.decode(Bytes.of(new byte[63])))
        .isEqualTo(new MessageRead.Unreadable(0, 0, true, "message of 63 bytes, not 64"));
  }
}
