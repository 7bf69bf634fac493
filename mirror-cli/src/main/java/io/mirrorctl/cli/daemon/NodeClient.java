package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** The end of the control socket that asks. */
public final class NodeClient {
  private final Path socket;

  /**
   * @param socket the node's control socket
   */
  public NodeClient(Path socket) {
    this.socket = socket;
  }

  /** The node's control socket. */
  public Path socket() {
    return socket;
  }

  /** The node ended, or dropped this client, in the middle of a request. */
  public static final class NodeEnded extends IOException {
    private static final long serialVersionUID = 1L;

    NodeEnded(Path socket) {
      super(
          "the node at %s ended before it answered; see in its log why, and start it again"
              .formatted(socket));
    }
  }

  /** Hears how a request comes along. */
  @FunctionalInterface
  public interface Progress<P> {
    void heard(P progress) throws IOException, InterruptedException;
  }

  /**
   * Asks the node for something whose answer has this type.
   *
   * @throws CommandException if no node answers, or with what the node says
   * @throws NodeEnded if it does not come to an answer
   */
  public <T> T ask(NodeRequest request, Class<T> answer) throws IOException, InterruptedException {
    return ask(request, JsonNode.class, _ -> {}, answer);
  }

  /** As {@link #ask(NodeRequest, Class)}; tells how it comes along. */
  public <P, T> T ask(
      NodeRequest request, Class<P> progressType, Progress<P> progress, Class<T> answer)
      throws IOException, InterruptedException {
    try (SocketChannel channel = connect()) {
      send(channel, request);
      var lines =
          new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.isEmpty()) {
          continue;
        }
        switch (ControlJson.MAPPER.readValue(line, NodeReply.class)) {
          case NodeReply.Progress p ->
              progress.heard(ControlJson.MAPPER.treeToValue(p.value(), progressType));
          case NodeReply.Done done -> {
            return ControlJson.MAPPER.treeToValue(done.value(), answer);
          }
          case NodeReply.Failed failed -> throw failed(failed);
        }
      }
    } catch (JacksonException e) {
      throw new IOException(
          "the node at %s answers in a way this release does not understand: %s"
              .formatted(socket, e.getOriginalMessage()),
          e);
    }
    throw new NodeEnded(socket);
  }

  /** The arrays of the node. */
  public List<ArraySummary> status() throws IOException, InterruptedException {
    return List.of(ask(new NodeRequest.Status(), ArraySummary[].class));
  }

  private SocketChannel connect() throws IOException {
    ControlSocket.checkLength(socket);
    try {
      return SocketChannel.open(UnixDomainSocketAddress.of(socket));
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.NO_NODE,
          "no node answers at %s: %s; start one with mirrorctl node, or name its socket with --socket"
              .formatted(socket, e.getMessage()),
          e);
    }
  }

  private static void send(SocketChannel channel, NodeRequest request) throws IOException {
    byte[] line = (ControlJson.MAPPER.writeValueAsString(request) + "\n").getBytes(UTF_8);
    if (line.length > ControlJson.MAX_REQUEST_BYTES) {
      throw new CommandException(ExitCode.USAGE, "the names of the disks are too long together");
    }
    ByteBuffer bytes = ByteBuffer.wrap(line);
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static CommandException failed(NodeReply.Failed failed) {
    ExitCode code =
        Arrays.stream(ExitCode.values())
            .filter(c -> c.code() == failed.exit())
            .findFirst()
            .orElse(ExitCode.FAILED);
    return new CommandException(code, failed.message());
  }
}
