package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.nbd.RawClient.OptionReply;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.SimDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class NegotiationTest {
  private static final long SIZE = 8 << 20;
  private static final byte[] NOTHING = {};

  private final SimDisk disk = new SimDisk("disk", SIZE);
  private TestServer server;

  @BeforeEach
  void start() {
    server = TestServer.start();
    server.exports.add("vol0", disk, "the first one");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private RawClient greeted() throws IOException {
    return RawClient.greeted(server.address());
  }

  @Test
  void clientFlagsNobodyKnowsEndTheConnection() throws IOException {
    try (RawClient client = RawClient.connect(server.address())) {
      client.greeting();
      client.send(out -> out.writeInt(RawClient.BOTH_FLAGS | 4));
      client.assertClosed();
    }
  }

  @Test
  void anOldClientMayOnlyNameItsExportAndGetsThePadding() throws IOException {
    try (RawClient client = RawClient.connect(server.address())) {
      client.greeting();
      client.send(out -> out.writeInt(0));
      client.sendOption(Nbd.OPT_EXPORT_NAME, "vol0".getBytes(StandardCharsets.UTF_8));
      ByteBuffer reply = client.receive(10 + Nbd.EXPORT_NAME_PADDING);
      assertThat(reply.getLong()).isEqualTo(SIZE);
      assertThat(reply.getShort() & Nbd.FLAG_HAS_FLAGS).isNotZero();
      while (reply.hasRemaining()) {
        assertThat(reply.get()).isZero();
      }
      assertThat(client.simpleRead(0, 512)).containsOnly(0);
    }
    try (RawClient client = RawClient.connect(server.address())) {
      client.greeting();
      client.send(out -> out.writeInt(0));
      client.sendOption(Nbd.OPT_LIST, NOTHING);
      client.assertClosed();
    }
  }

  @Test
  void withoutZeroesTheAnswerToAnExportNameIsShort() throws IOException {
    try (RawClient client = greeted()) {
      client.sendOption(Nbd.OPT_EXPORT_NAME, "vol0".getBytes(StandardCharsets.UTF_8));
      assertThat(client.receive(10).getLong()).isEqualTo(SIZE);
      assertThat(client.simpleRead(512, 512)).containsOnly(0);
    }
  }

  @Test
  void anExportNameThatCannotBeServedEndsTheConnection() throws IOException {
    for (byte[] name : List.of("other".getBytes(StandardCharsets.UTF_8), new byte[5000])) {
      try (RawClient client = greeted()) {
        client.sendOption(Nbd.OPT_EXPORT_NAME, name);
        client.assertClosed();
      }
    }
  }

  @Test
  void listNamesEveryExportWithItsDescription() throws IOException {
    server.with("vol1", new SimDisk("other", SIZE));
    try (RawClient client = greeted()) {
      List<OptionReply> replies = client.option(Nbd.OPT_LIST, NOTHING);
      assertThat(replies)
          .extracting(OptionReply::type)
          .containsExactly(Nbd.REP_SERVER, Nbd.REP_SERVER, Nbd.REP_ACK);
      assertThat(replies.getFirst().buffer().getInt()).isEqualTo(4);
      assertThat(replies.getFirst().text().substring(4)).isEqualTo("vol0the first one");
      assertThat(replies.get(1).text().substring(4)).isEqualTo("vol1");
    }
  }

  @Test
  void infoTellsAllThatWasAskedAndLeavesTheClientInTheHandshake() throws IOException {
    try (RawClient client = greeted()) {
      List<OptionReply> replies =
          client.option(
              Nbd.OPT_INFO,
              RawClient.goData(
                  "vol0", Nbd.INFO_NAME, Nbd.INFO_DESCRIPTION, Nbd.INFO_BLOCK_SIZE, 4711));
      assertThat(replies.getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(info(replies, Nbd.INFO_EXPORT).getLong()).isEqualTo(SIZE);
      assertThat(text(replies, Nbd.INFO_NAME)).isEqualTo("vol0");
      assertThat(text(replies, Nbd.INFO_DESCRIPTION)).isEqualTo("the first one");
      ByteBuffer sizes = info(replies, Nbd.INFO_BLOCK_SIZE);
      assertThat(sizes.getInt()).isEqualTo(512);
      assertThat(sizes.getInt()).isEqualTo(4096);
      assertThat(sizes.getInt()).isEqualTo(32 << 20);
      assertThat(client.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
    }
  }

  private static ByteBuffer info(List<OptionReply> replies, int type) {
    return replies.stream()
        .filter(reply -> reply.type() == Nbd.REP_INFO)
        .map(OptionReply::buffer)
        .filter(data -> data.getShort() == type)
        .findAny()
        .orElseThrow();
  }

  private static String text(List<OptionReply> replies, int type) {
    return StandardCharsets.UTF_8.decode(info(replies, type)).toString();
  }

  @Test
  void theEmptyNameMeansTheOnlyExport() throws IOException {
    try (RawClient client = greeted()) {
      List<OptionReply> replies = client.option(Nbd.OPT_INFO, RawClient.goData("", Nbd.INFO_NAME));
      assertThat(text(replies, Nbd.INFO_NAME)).isEqualTo("vol0");
      server.with("vol1", new SimDisk("other", SIZE));
      assertThat(client.go("").getLast().type()).isEqualTo(Nbd.REP_ERR_UNKNOWN);
      server.with("", new SimDisk("nameless", 1 << 20));
      assertThat(info(client.go(""), Nbd.INFO_EXPORT).getLong()).isEqualTo(1 << 20);
    }
  }

  @Test
  void anUnknownExportIsAnErrorAfterWhichTheClientMayGoOn() throws IOException {
    try (RawClient client = greeted()) {
      assertThat(client.go("nope").getLast().type()).isEqualTo(Nbd.REP_ERR_UNKNOWN);
      assertThat(client.go("vol0").getLast().type()).isEqualTo(Nbd.REP_ACK);
      assertThat(client.simpleRead(0, 512)).containsOnly(0);
    }
  }

  @Test
  void dataThatLiesAboutItsLengthsIsInvalidAndTheStreamStaysInStep() throws IOException {
    byte[] good = RawClient.goData("vol0", Nbd.INFO_BLOCK_SIZE);
    byte[] longName = good.clone();
    longName[2] = 1;
    byte[] hugeName = good.clone();
    hugeName[0] = (byte) 0xff;
    byte[] manyInfos = good.clone();
    manyInfos[8] = (byte) 0xff;
    byte[] tail = RawClient.bytes(out -> out.write(concat(good, new byte[3])));
    byte[] notUtf8 = good.clone();
    notUtf8[4] = (byte) 0xff;
    byte[] nul = good.clone();
    nul[5] = 0;
    try (RawClient client = greeted()) {
      for (byte[] bad :
          List.of(NOTHING, new byte[3], longName, hugeName, manyInfos, tail, notUtf8, nul)) {
        for (int option : new int[] {Nbd.OPT_GO, Nbd.OPT_INFO}) {
          List<OptionReply> replies = client.option(option, bad);
          assertThat(replies).extracting(OptionReply::type).containsExactly(Nbd.REP_ERR_INVALID);
          assertThat(replies.getFirst().text()).isNotEmpty();
        }
      }
      for (int option : new int[] {Nbd.OPT_LIST, Nbd.OPT_STRUCTURED_REPLY, Nbd.OPT_STARTTLS}) {
        assertThat(client.option(option, new byte[] {1}).getLast().type())
            .isEqualTo(Nbd.REP_ERR_INVALID);
      }
      assertThat(client.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
      byte[] manyQueries =
          RawClient.bytes(out -> {
            RawClient.string(out, "vol0");
            out.writeInt(Integer.MAX_VALUE);
          });
      assertThat(client.option(Nbd.OPT_SET_META_CONTEXT, manyQueries).getLast().type())
          .isEqualTo(Nbd.REP_ERR_INVALID);
      assertThat(client.go("vol0").getLast().type()).isEqualTo(Nbd.REP_ACK);
    }
  }

  private static byte[] concat(byte[] a, byte[] b) {
    return ByteBuffer.allocate(a.length + b.length).put(a).put(b).array();
  }

  @Test
  void abortIsAcknowledgedAndEndsTheConnection() throws IOException {
    try (RawClient client = greeted()) {
      assertThat(client.option(Nbd.OPT_ABORT)).isEqualTo(Nbd.REP_ACK);
      client.assertClosed();
    }
  }

  @Test
  void optionsNobodyKnowsAreUnsupportedWhateverTheirData() throws IOException {
    try (RawClient client = greeted()) {
      for (int option : new int[] {Nbd.OPT_PEEK_EXPORT, Nbd.OPT_EXTENDED_HEADERS, 4711, -1}) {
        assertThat(client.option(option)).isEqualTo(Nbd.REP_ERR_UNSUP);
        assertThat(client.option(option, new byte[20_000]).getLast().type())
            .isEqualTo(Nbd.REP_ERR_UNSUP);
      }
    }
  }

  @Test
  void aLargeOptionIsReadPastAndAnAbsurdOneEndsTheConnection() throws IOException {
    try (RawClient client = greeted()) {
      assertThat(client.option(Nbd.OPT_GO, new byte[100_000]).getLast().type())
          .isEqualTo(Nbd.REP_ERR_TOO_BIG);
      assertThat(client.option(Nbd.OPT_STRUCTURED_REPLY)).isEqualTo(Nbd.REP_ACK);
      client.send(out -> {
        out.writeLong(Nbd.OPTION_MAGIC);
        out.writeInt(Nbd.OPT_GO);
        out.writeInt(0xf0000000);
      });
      client.assertClosed();
    }
  }

  @Test
  void garbageEndsTheConnection() throws IOException {
    try (RawClient client = greeted()) {
      client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.UTF_8));
      client.assertClosed();
    }
  }

  @Test
  void contextsNeedStructuredReplies() throws IOException {
    try (RawClient client = greeted()) {
      byte[] data =
          RawClient.bytes(out -> {
            RawClient.string(out, "vol0");
            out.writeInt(0);
          });
      for (int option : new int[] {Nbd.OPT_SET_META_CONTEXT, Nbd.OPT_LIST_META_CONTEXT}) {
        assertThat(client.option(option, data).getLast().type()).isEqualTo(Nbd.REP_ERR_INVALID);
      }
    }
  }

  @Test
  void contextsAreListedByNameWildcardOrAll() throws IOException {
    try (RawClient client = greeted()) {
      client.option(Nbd.OPT_STRUCTURED_REPLY);
      int list = Nbd.OPT_LIST_META_CONTEXT;
      assertThat(client.meta(list, "vol0")).containsExactly("0 base:allocation");
      assertThat(client.meta(list, "vol0", "base:")).containsExactly("0 base:allocation");
      assertThat(client.meta(list, "vol0", "x-y:", "base:allocation"))
          .containsExactly("0 base:allocation");
      assertThat(client.meta(list, "vol0", "base:other", "qemu:dirty-bitmap:b", "nonsense"))
          .isEmpty();
      assertThat(client.meta(list, "")).containsExactly("0 base:allocation");
    }
  }

  @Test
  void onlyTheExactNameSelectsAContext() throws IOException {
    try (RawClient client = greeted()) {
      client.option(Nbd.OPT_STRUCTURED_REPLY);
      int set = Nbd.OPT_SET_META_CONTEXT;
      assertThat(client.meta(set, "vol0")).isEmpty();
      assertThat(client.meta(set, "vol0", "base:")).isEmpty();
      assertThat(client.meta(set, "vol0", "base:allocation", "base:allocation"))
          .containsExactly("1 base:allocation");
    }
  }

  @Test
  void aSelectionHoldsForItsExportUntilTheNextOne() throws IOException {
    server.with("vol1", new SimDisk("other", SIZE));
    assertThat(statusAfter(client -> {})).isEqualTo(Nbd.EINVAL);
    assertThat(statusAfter(client -> select(client, "vol0", "base:allocation"))).isZero();
    assertThat(statusAfter(client -> select(client, "vol1", "base:allocation")))
        .isEqualTo(Nbd.EINVAL);
    assertThat(
            statusAfter(client -> {
              select(client, "vol0", "base:allocation");
              select(client, "vol0");
            }))
        .isEqualTo(Nbd.EINVAL);
    assertThat(
            statusAfter(client -> {
              select(client, "vol0", "base:allocation");
              byte[] unknown =
                  RawClient.bytes(out -> {
                    RawClient.string(out, "nope");
                    out.writeInt(0);
                  });
              assertThat(client.option(Nbd.OPT_SET_META_CONTEXT, unknown).getLast().type())
                  .isEqualTo(Nbd.REP_ERR_UNKNOWN);
            }))
        .isEqualTo(Nbd.EINVAL);
  }

  private interface Talk {
    void with(RawClient client) throws IOException;
  }

  private static void select(RawClient client, String export, String... queries)
      throws IOException {
    client.meta(Nbd.OPT_SET_META_CONTEXT, export, queries);
  }

  private int statusAfter(Talk talk) throws IOException {
    try (RawClient client = greeted()) {
      client.option(Nbd.OPT_STRUCTURED_REPLY);
      talk.with(client);
      client.go("vol0");
      client.sendRequest(0, Nbd.CMD_BLOCK_STATUS, 5, 0, 4096);
      return client.error(5);
    }
  }

  @Test
  void aClientThatDoesNotAskForALargeBlockSizeIsTurnedAway() throws IOException {
    server.with("big", new SimDisk("big", SIZE, 4096));
    try (RawClient client = greeted()) {
      for (int option : new int[] {Nbd.OPT_INFO, Nbd.OPT_GO}) {
        List<OptionReply> replies = client.option(option, RawClient.goData("big", Nbd.INFO_NAME));
        assertThat(replies.getLast().type()).isEqualTo(Nbd.REP_ERR_BLOCK_SIZE_REQD);
        assertThat(info(replies, Nbd.INFO_BLOCK_SIZE).getInt()).isEqualTo(4096);
      }
      client.sendOption(Nbd.OPT_EXPORT_NAME, "big".getBytes(StandardCharsets.UTF_8));
      client.assertClosed();
    }
    try (RawClient client = greeted()) {
      assertThat(client.go("big").getLast().type()).isEqualTo(Nbd.REP_ACK);
    }
  }

  @Test
  void aClientThatDoesNotAskMayUseSectors() throws IOException {
    try (RawClient client = greeted()) {
      assertThat(client.option(Nbd.OPT_GO, RawClient.goData("vol0")).getLast().type())
          .isEqualTo(Nbd.REP_ACK);
    }
  }

  @Test
  void flagsSayWhatTheDeviceCanDo() throws IOException {
    int always = Nbd.FLAG_HAS_FLAGS | Nbd.FLAG_SEND_FLUSH | Nbd.FLAG_SEND_FUA | Nbd.FLAG_SEND_CACHE;
    int writable = always | Nbd.FLAG_SEND_WRITE_ZEROES;
    assertThat(flags(Set.of(), false)).isEqualTo(writable);
    assertThat(flags(Set.of(), true)).isEqualTo(writable | Nbd.FLAG_SEND_DF);
    assertThat(flags(Set.of(DeviceFeature.DISCARD), false)).isEqualTo(writable);
    assertThat(flags(Set.of(DeviceFeature.DISCARD_ZEROES), false)).isEqualTo(writable);
    assertThat(flags(Set.of(DeviceFeature.DISCARD, DeviceFeature.DISCARD_ZEROES), false))
        .isEqualTo(writable | Nbd.FLAG_SEND_TRIM);
    assertThat(flags(Set.of(DeviceFeature.FAST_ZEROES), false))
        .isEqualTo(writable | Nbd.FLAG_SEND_FAST_ZERO);
    assertThat(flags(Set.of(DeviceFeature.SHARED_FLUSH), false))
        .isEqualTo(writable | Nbd.FLAG_CAN_MULTI_CONN);
    assertThat(flags(EnumSet.allOf(DeviceFeature.class), false))
        .isEqualTo(always | Nbd.FLAG_READ_ONLY | Nbd.FLAG_CAN_MULTI_CONN);
  }

  private int flags(Set<DeviceFeature> features, boolean structured) throws IOException {
    disk.features(features);
    try (RawClient client = greeted()) {
      if (structured) {
        client.option(Nbd.OPT_STRUCTURED_REPLY);
      }
      ByteBuffer info = info(client.go("vol0"), Nbd.INFO_EXPORT);
      return info.getShort(Short.BYTES + Long.BYTES);
    }
  }

  @Test
  void withoutTlsAStartTlsIsRefused() throws IOException {
    try (RawClient client = greeted()) {
      assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ERR_POLICY);
      assertThat(client.go("vol0").getLast().type()).isEqualTo(Nbd.REP_ACK);
    }
  }
}
