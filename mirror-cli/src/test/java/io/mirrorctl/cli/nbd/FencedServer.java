package io.mirrorctl.cli.nbd;

import com.google.common.base.Ticker;
import io.mirrorctl.cli.nbd.RawClient.OptionReply;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.env.Env;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** A disk server in a directory, which can be ended and started again on the same disk. */
final class FencedServer implements Closeable {
  static final UUID CLUSTER = new UUID(1, 2);
  static final UUID OTHER_CLUSTER = new UUID(3, 4);
  static final UUID STORAGE = new UUID(5, 6);

  final Path state;
  private final NbdAddress.Unix address;
  private final BlockDevice disk;
  private boolean anonymousWriters;
  private Duration limit = Duration.ofSeconds(20);
  private UUID storage = STORAGE;
  private NbdServer server;

  FencedServer(Path directory, BlockDevice disk) {
    this.state = directory.resolve("fences");
    this.address = new NbdAddress.Unix(directory.resolve("socket"));
    this.disk = disk;
  }

  FencedServer allowingAnonymousWriters() {
    anonymousWriters = true;
    return this;
  }

  FencedServer waitingForRequests(Duration time) {
    limit = time;
    return this;
  }

  /** As after a crash of the host. */
  FencedServer withStorage(UUID value) {
    storage = value;
    return this;
  }

  FencedServer start() throws IOException {
    NodeFences fences =
        NodeFences.load(state, storage, anonymousWriters, Ticker.systemTicker(), limit);
    var exports = new NbdExports();
    exports.add("disk", disk, "");
    NbdServerConfig config =
        NbdServerConfig.on(address)
            .withTimes(Duration.ofMinutes(1), Duration.ofMinutes(1), Duration.ZERO);
    server = NbdServer.start(config, exports, Optional.of(fences), Env.system());
    return this;
  }

  static NodeIdentity node(int number, long incarnation) {
    return new NodeIdentity(CLUSTER, number, incarnation);
  }

  NbdUri uri() {
    return NbdUri.parse("nbd+unix:///disk?socket=" + address.path());
  }

  RawClient greeted() throws IOException {
    return RawClient.greeted(address);
  }

  /** A client in the handshake that has said who it is. */
  RawClient identified(NodeIdentity who) throws IOException {
    RawClient client = greeted();
    List<OptionReply> replies = identify(client, who);
    if (replies.getLast().type() != Nbd.REP_ACK) {
      client.close();
      throw new IOException(replies.getLast().text());
    }
    return client;
  }

  /** A client in transmission that has said who it is. */
  RawClient using(NodeIdentity who) throws IOException {
    RawClient client = identified(who);
    OptionReply last = client.go("disk").getLast();
    if (last.type() != Nbd.REP_ACK) {
      client.close();
      throw new IOException(last.text());
    }
    return client;
  }

  static List<OptionReply> identify(RawClient client, NodeIdentity who) throws IOException {
    return client.option(Nbd.OPT_IDENTIFY, bytes(who));
  }

  /** The only reply. */
  static OptionReply fence(RawClient asker, NodeIdentity victim) throws IOException {
    return asker.option(Nbd.OPT_FENCE, bytes(victim)).getFirst();
  }

  static byte[] bytes(NodeIdentity who) {
    ByteBuffer bytes = ByteBuffer.allocate(NodeIdentity.BYTES);
    who.put(bytes);
    return bytes.array();
  }

  @Override
  public void close() throws IOException {
    server.close();
  }
}
