package io.mirrorctl.cli.nbd;

import com.google.common.base.CharMatcher;
import io.mirrorctl.cli.nbd.OptionData.Malformed;
import io.mirrorctl.core.block.BlockSizes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The fixed newstyle handshake, up to the moment where the first request may come.
 *
 * <p>Threading: one thread. Time limits are kept by whoever closes the socket under it.
 */
final class Negotiation {
  /** Of base:allocation, the only context there is. */
  static final int CONTEXT_ID = 1;

  /** A client that does not ask for block sizes may be trusted to keep to sectors. */
  private static final int UNASKED_BLOCK = 512;

  /** Room for two long names and some queries; an option beyond that is refused unread. */
  private static final int MOST_OPTION_BYTES = 32 << 10;

  /** An option beyond this is an attack or no option at all. */
  private static final int MOST_SKIPPED_BYTES = 1 << 20;

  /** Leave to go on to transmission. */
  interface Gate {
    /**
     * Admits the client, which may take a while.
     *
     * @return why not; null if admitted
     */
    @Nullable String admit(Negotiated agreed, Transport transport, Input input)
        throws InterruptedException;
  }

  private final Resources server;
  private final StartTls tls;
  private final Gate gate;

  private Transport transport;
  private Input input;
  private boolean fixed;
  private boolean zeroes;
  private boolean structured;

  /** The export for which base:allocation was selected, by the name the client used. */
  private Optional<String> allocationOf = Optional.empty();

  private Optional<NodeIdentity> client = Optional.empty();

  Negotiation(Resources server, StartTls tls, Gate gate, Transport transport, Input input) {
    this.server = server;
    this.tls = tls;
    this.gate = gate;
    this.transport = transport;
    this.input = input;
  }

  /**
   * Talks until transmission may begin.
   *
   * @return false if the client left in good order instead
   * @throws ProtocolViolation if the peer does not speak NBD or must be turned away
   */
  boolean run() throws IOException, InterruptedException {
    greet();
    while (true) {
      if (!input.await(1)) {
        return false;
      }
      input.require(Nbd.OPTION_HEADER_BYTES);
      ByteBuffer header = input.bytes();
      long magic = header.getLong();
      if (magic != Nbd.OPTION_MAGIC) {
        throw new ProtocolViolation("0x%016x where an option should begin".formatted(magic));
      }
      int option = header.getInt();
      int length = header.getInt();
      if (length < 0 || length > MOST_SKIPPED_BYTES) {
        throw new ProtocolViolation(
            "option %d with %d bytes".formatted(option, Integer.toUnsignedLong(length)));
      }
      if (!fixed && option != Nbd.OPT_EXPORT_NAME) {
        throw new ProtocolViolation("option " + option + " without fixed newstyle");
      }
      Step step = option == Nbd.OPT_EXPORT_NAME ? exportName(length) : option(option, length);
      if (step != Step.NEXT_OPTION) {
        return step == Step.TRANSMISSION;
      }
    }
  }

  private enum Step {
    NEXT_OPTION,
    TRANSMISSION,
    END
  }

  private void greet() throws IOException {
    ByteBuffer greeting = ByteBuffer.allocate(18);
    greeting
        .putLong(Nbd.INIT_MAGIC)
        .putLong(Nbd.OPTION_MAGIC)
        .putShort((short) (Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES));
    transport.write(greeting.flip());
    input.require(Integer.BYTES);
    int flags = input.bytes().getInt();
    if ((flags & ~(Nbd.FLAG_C_FIXED_NEWSTYLE | Nbd.FLAG_C_NO_ZEROES)) != 0) {
      throw new ProtocolViolation("client flags 0x%08x".formatted(flags));
    }
    fixed = (flags & Nbd.FLAG_C_FIXED_NEWSTYLE) != 0;
    zeroes = (flags & Nbd.FLAG_C_NO_ZEROES) == 0;
  }

  private boolean mustEncrypt() {
    return tls.required() && !transport.isTls();
  }

  /** Every option that may be answered with an error. */
  private Step option(int option, int length) throws IOException, InterruptedException {
    var replies = new OptionReplies(option);
    if (length > MOST_OPTION_BYTES) {
      input.skip(length);
      replies.error(Nbd.REP_ERR_TOO_BIG, "%d bytes of option data".formatted(length));
      return answer(replies);
    }
    ByteBuffer bytes = ByteBuffer.allocate(length);
    input.readFully(bytes);
    var data = new OptionData(bytes.flip());
    if (option == Nbd.OPT_ABORT) {
      answer(replies.ack());
      return Step.END;
    }
    if (mustEncrypt() && option != Nbd.OPT_STARTTLS) {
      return answer(replies.error(Nbd.REP_ERR_TLS_REQD, "this server talks through TLS only"));
    }
    try {
      switch (option) {
        case Nbd.OPT_LIST -> list(data, replies);
        case Nbd.OPT_STARTTLS -> {
          return startTls(data, replies);
        }
        case Nbd.OPT_INFO, Nbd.OPT_GO -> {
          return infoOrGo(option, data, replies);
        }
        case Nbd.OPT_STRUCTURED_REPLY -> {
          data.end();
          structured = true;
          replies.ack();
        }
        case Nbd.OPT_LIST_META_CONTEXT -> metaContext(false, data, replies);
        case Nbd.OPT_SET_META_CONTEXT -> {
          allocationOf = Optional.empty();
          metaContext(true, data, replies);
        }
        case Nbd.OPT_IDENTIFY, Nbd.OPT_FENCE -> ofNodes(option, data, replies);
        default -> replies.error(Nbd.REP_ERR_UNSUP, "option %d is not known".formatted(option));
      }
      return answer(replies);
    } catch (Malformed e) {
      return answer(new OptionReplies(option).error(Nbd.REP_ERR_INVALID, e.getMessage()));
    }
  }

  private Step answer(OptionReplies replies) throws IOException {
    transport.write(replies.toBytes());
    return Step.NEXT_OPTION;
  }

  private void list(OptionData data, OptionReplies replies) throws Malformed {
    data.end();
    server.exports().all().forEach(replies::server);
    replies.ack();
  }

  private Step startTls(OptionData data, OptionReplies replies) throws IOException, Malformed {
    data.end();
    if (transport.isTls()) {
      return answer(replies.error(Nbd.REP_ERR_INVALID, "TLS is in use already"));
    }
    if (!tls.offered()) {
      return answer(replies.error(Nbd.REP_ERR_POLICY, "this server has no TLS"));
    }
    if (input.buffered() > 0) {
      // whoever sent it may be someone between us and the client, and it must not count as secret
      throw new ProtocolViolation("plain text behind the request for TLS");
    }
    answer(replies.ack());
    transport = tls.accept(transport.line());
    input = new Input(transport, input.bytes());
    structured = false;
    allocationOf = Optional.empty();
    client = Optional.empty();
    return Step.NEXT_OPTION;
  }

  private Step infoOrGo(int option, OptionData data, OptionReplies replies)
      throws IOException, InterruptedException, Malformed {
    String name = data.string();
    int count = data.u16();
    Set<Integer> wanted = new HashSet<>();
    for (int i = 0; i < count; i++) {
      wanted.add(data.u16());
    }
    data.end();
    Optional<Export> found = server.exports().find(name);
    if (found.isEmpty()) {
      return answer(replies.error(Nbd.REP_ERR_UNKNOWN, "no export \"%s\"".formatted(name)));
    }
    Export export = found.get();
    if (wanted.contains(Nbd.INFO_NAME)) {
      replies.text(Nbd.INFO_NAME, export.name());
    }
    if (wanted.contains(Nbd.INFO_DESCRIPTION) && !export.description().isEmpty()) {
      replies.text(Nbd.INFO_DESCRIPTION, export.description());
    }
    BlockSizes sizes = export.advertisedSizes(server.config().maxRequestBytes());
    replies.blockSizes(sizes);
    if (sizes.minimum() > UNASKED_BLOCK && !wanted.contains(Nbd.INFO_BLOCK_SIZE)) {
      return answer(
          replies.error(
              Nbd.REP_ERR_BLOCK_SIZE_REQD,
              "the minimum block size is %d; ask for it".formatted(sizes.minimum())));
    }
    Negotiated agreed = agreed(export, name);
    replies.exportInfo(export.device().sizeBytes(), agreed.rules().flags());
    if (option == Nbd.OPT_INFO) {
      return answer(replies.ack());
    }
    String obstacle = gate.admit(agreed, transport, input);
    if (obstacle != null) {
      return answer(
          new OptionReplies(option)
              .error(Nbd.REP_ERR_POLICY, "%s: %s".formatted(export.name(), obstacle)));
    }
    answer(replies.ack());
    return Step.TRANSMISSION;
  }

  private Step exportName(int length) throws IOException, InterruptedException {
    if (length > Nbd.MAX_STRING) {
      throw new ProtocolViolation("an export name of %d bytes".formatted(length));
    }
    ByteBuffer bytes = ByteBuffer.allocate(length);
    input.readFully(bytes);
    if (mustEncrypt()) {
      throw new ProtocolViolation("an export chosen without TLS");
    }
    String name;
    try {
      name = new OptionData(bytes.flip()).string(length);
    } catch (Malformed e) {
      throw new ProtocolViolation("as export name " + e.getMessage());
    }
    Export export =
        server
            .exports()
            .find(name)
            .orElseThrow(
                () -> new ProtocolViolation("no export \"%s\"".formatted(printable(name))));
    int block = export.device().blockSizes().minimum();
    if (block > UNASKED_BLOCK) {
      throw new ProtocolViolation(
          "EXPORT_NAME for an export with a minimum block size of %d, which it cannot tell"
              .formatted(block));
    }
    Negotiated agreed = agreed(export, name);
    String obstacle = gate.admit(agreed, transport, input);
    if (obstacle != null) {
      throw new ProtocolViolation("%s: %s".formatted(export.name(), obstacle));
    }
    ByteBuffer reply = ByteBuffer.allocate(10 + (zeroes ? Nbd.EXPORT_NAME_PADDING : 0));
    reply.putLong(export.device().sizeBytes()).putShort((short) agreed.rules().flags());
    transport.write(reply.clear());
    return Step.TRANSMISSION;
  }

  private Negotiated agreed(Export export, String name) {
    var rules =
        new Rules(
            export.device(),
            export.transmissionFlags(
                structured, server.fences().filter(f -> f.isReadOnlyFor(client)).isPresent()),
            allocationOf.equals(Optional.of(name)),
            server.config().maxRequestBytes());
    return new Negotiated(export, rules, structured, client);
  }

  private void metaContext(boolean select, OptionData data, OptionReplies replies)
      throws Malformed {
    String name = data.string();
    int count = data.u32();
    List<String> queries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      queries.add(data.string());
    }
    data.end();
    if (!structured) {
      throw new Malformed("metadata contexts need structured replies, ask for these first");
    }
    if (server.exports().find(name).isEmpty()) {
      replies.error(Nbd.REP_ERR_UNKNOWN, "no export \"%s\"".formatted(name));
      return;
    }
    boolean listAll = !select && (queries.isEmpty() || queries.contains("base:"));
    if (listAll || queries.contains(Nbd.CONTEXT_BASE_ALLOCATION)) {
      replies.context(select ? CONTEXT_ID : 0, Nbd.CONTEXT_BASE_ALLOCATION);
      if (select) {
        allocationOf = Optional.of(name);
      }
    }
    replies.ack();
  }

  private void ofNodes(int option, OptionData data, OptionReplies replies)
      throws InterruptedException, Malformed {
    if (server.fences().isEmpty()) {
      replies.error(Nbd.REP_ERR_UNSUP, "this is no disk server");
      return;
    }
    NodeFences fences = server.fences().get();
    try {
      if (option == Nbd.OPT_IDENTIFY) {
        NodeIdentity who = data.identity();
        data.end();
        identify(who, fences);
        replies.storage(fences.storage()).ack();
      } else {
        fence(data.identities(), fences);
        replies.ack();
      }
    } catch (NodeFences.RefusedException e) {
      replies.error(Nbd.REP_ERR_POLICY, e.getMessage());
    } catch (IOException e) {
      replies.error(Nbd.REP_ERR_PLATFORM, e.getMessage());
    }
  }

  private void identify(NodeIdentity who, NodeFences fences)
      throws NodeFences.RefusedException, IOException, InterruptedException, Malformed {
    if (client.isPresent() && !client.get().equals(who)) {
      throw new Malformed("%s, and %s before".formatted(who, client.get()));
    }
    fences.identify(who);
    client = Optional.of(who);
  }

  private void fence(List<NodeIdentity> victims, NodeFences fences)
      throws NodeFences.RefusedException, IOException, InterruptedException, Malformed {
    if (client.isEmpty()) {
      throw new Malformed("a fence of somebody who has not said who it is");
    }
    fences.fence(client.get(), victims);
  }

  /** What a client sent, fit for a log. */
  private static String printable(String text) {
    return CharMatcher.javaIsoControl().replaceFrom(text, '?');
  }
}
