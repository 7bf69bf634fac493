package io.mirrorctl.dlm.message;

import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;

/**
 * A node in a process of its own, that can be killed and stopped. Sends the numbers that it reads,
 * and says what it hears; {@code silent} keeps it from answering.
 */
public final class ChannelChild {
  private ChannelChild() {}

  /** Arguments: server, root, node. */
  public static void main(String[] arguments) throws IOException {
    var node =
        new RealNode(
            arguments[0],
            arguments[1],
            Integer.parseInt(arguments[2]),
            RealNode.LIMIT,
            new CommitLog());
    node.answers =
        envelope -> {
          say("heard " + envelope.message());
          return RealNode.ACCEPTED;
        };
    node.joined();
    say("joined");
    var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String command = commands.readLine(); command != null; command = commands.readLine()) {
      if (command.equals("silent")) {
        node.answers =
            envelope -> {
              say("heard " + envelope.message());
              return new CompletableFuture<>();
            };
        say("silent");
      } else {
        var _ =
            node.send(new ChangeCapacity(Long.parseLong(command)))
                .thenAccept(delivery -> say("sent " + delivery));
      }
    }
  }

  private static synchronized void say(String what) {
    System.out.println("> " + what);
  }
}
