package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Throwables;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import tools.jackson.core.JacksonException;

/** One client of the control socket: one request, and what is said to it. */
final class ControlConnection implements Runnable, NodeService.Listener {
  private static final System.Logger LOG = System.getLogger(ControlConnection.class.getName());

  /** The time for a request to arrive, and for a line of the answer to be taken. */
  private static final long STALL_SECONDS = 10;

  private static final byte[] HEARTBEAT = {'\n'};

  private final SocketChannel client;
  private final NodeService service;
  private final Env env;

  ControlConnection(SocketChannel client, NodeService service, Env env) {
    this.client = client;
    this.service = service;
    this.env = env;
  }

  /** The client is not there any more, or does not listen. */
  private static final class ClientGone extends IOException {
    private static final long serialVersionUID = 1L;

    ClientGone(IOException cause) {
      super("the client went away: " + cause.getMessage(), cause);
    }
  }

  @Override
  public void run() {
    try (client) {
      answer();
    } catch (ClientGone e) {
      LOG.log(Level.DEBUG, "control socket: {0}", e.getMessage());
    } catch (IOException e) {
      LOG.log(Level.INFO, "control socket: {0}", e.getMessage());
    }
  }

  private void answer() throws IOException {
    NodeReply reply;
    try {
      Object done = service.serve(readRequest(), this);
      reply = new NodeReply.Done(ControlJson.MAPPER.valueToTree(done));
    } catch (JacksonException e) {
      reply = new NodeReply.Failed(badRequest(e), ExitCode.USAGE.code());
    } catch (ClientGone e) {
      throw e;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    } catch (IOException | RuntimeException | AssertionError e) {
      if (!(e instanceof IOException)) {
        LOG.log(Level.ERROR, "a request ended by a bug", e);
      }
      Failure failure = Failure.of(e);
      reply = new NodeReply.Failed(failure.text(), failure.code().code());
    }
    send(reply);
  }

  private static String badRequest(JacksonException e) {
    Throwable cause = Throwables.getRootCause(e);
    return cause instanceof IllegalArgumentException || cause instanceof NullPointerException
        ? String.valueOf(cause.getMessage())
        : "this is no request that a node of this release knows: " + e.getOriginalMessage();
  }

  private NodeRequest readRequest() throws IOException {
    ByteBuffer line = ByteBuffer.allocate(ControlJson.MAX_REQUEST_BYTES);
    ScheduledFuture<?> guard = guard();
    try {
      int end = -1;
      while (end < 0) {
        int from = line.position();
        if (!line.hasRemaining()) {
          throw new IOException(
              "a request is longer than %d bytes".formatted(ControlJson.MAX_REQUEST_BYTES));
        }
        if (client.read(line) < 0) {
          throw new IOException("a client went away without a whole request");
        }
        end = lineEnd(line, from);
      }
      String text = new String(line.array(), 0, end, UTF_8);
      NodeRequest request = ControlJson.MAPPER.readValue(text, NodeRequest.class);
      if (request == null) {
        throw new CommandException(ExitCode.USAGE, "a request is an object, not null");
      }
      return request;
    } finally {
      guard.cancel(false);
    }
  }

  private static int lineEnd(ByteBuffer line, int from) {
    for (int i = from; i < line.position(); i++) {
      if (line.get(i) == '\n') {
        return i;
      }
    }
    return -1;
  }

  @Override
  public void progress(Object value) throws IOException {
    send(new NodeReply.Progress(ControlJson.MAPPER.valueToTree(value)));
  }

  @Override
  public void heartbeat() throws IOException {
    write(ByteBuffer.wrap(HEARTBEAT));
  }

  private void send(NodeReply reply) throws IOException {
    write(ByteBuffer.wrap((ControlJson.MAPPER.writeValueAsString(reply) + "\n").getBytes(UTF_8)));
  }

  private void write(ByteBuffer bytes) throws ClientGone {
    ScheduledFuture<?> guard = guard();
    try {
      while (bytes.hasRemaining()) {
        client.write(bytes);
      }
    } catch (IOException e) {
      throw new ClientGone(e);
    } finally {
      guard.cancel(false);
    }
  }

  /** Closes the connection when the client takes too long. */
  private ScheduledFuture<?> guard() {
    return env.timer().schedule(this::close, STALL_SECONDS, TimeUnit.SECONDS);
  }

  void close() {
    try {
      client.close();
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "control socket: {0}", e.getMessage());
    }
  }
}
