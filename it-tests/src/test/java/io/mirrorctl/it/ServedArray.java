package io.mirrorctl.it;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.ScrubResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/** A node process with one array, {@code v}, and its clients' ways to it. */
final class ServedArray implements AutoCloseable {
  static final String NAME = "v";
  private static final long PATIENCE_MILLIS = 60_000;

  private final NodeProcess node;
  private final Path nbd;

  private ServedArray(NodeProcess node, Path nbd) {
    this.node = node;
    this.nbd = nbd;
  }

  /**
   * Starts a node that assembles the array.
   *
   * @param directory for sockets and the log; its path must be short enough for a socket
   * @param disks paths or URLs of the members
   * @param options further arguments of the node
   */
  static ServedArray start(Path directory, List<?> disks, String... options) {
    Path nbd = directory.resolve("nbd.sock");
    var arguments = new ArrayList<Object>(List.of("--name", "n1"));
    arguments.addAll(List.of("--socket", directory.resolve("node.sock"), "--nbd", "unix:" + nbd));
    String members = String.join(",", disks.stream().map(Object::toString).toList());
    arguments.addAll(List.of("--assemble", NAME + "=" + members));
    arguments.addAll(List.of(options));
    return new ServedArray(NodeProcess.start(newLog(directory), arguments.toArray()), nbd);
  }

  private static Path newLog(Path directory) {
    return Stream.iterate(1, number -> number + 1)
        .map(number -> directory.resolve("node%d.log".formatted(number)))
        .filter(log -> !Files.exists(log))
        .findFirst()
        .orElseThrow();
  }

  NodeProcess node() {
    return node;
  }

  /** The Unix socket of the NBD server. */
  Path nbdSocket() {
    return nbd;
  }

  /** The NBD URI of the array. */
  String uri() {
    return node.ready().uri(NAME);
  }

  RawNbd connect() throws IOException {
    return RawNbd.connect(nbd, NAME);
  }

  /** Asks the node for something. */
  <T> T ask(NodeRequest request, Class<T> answer) throws IOException, InterruptedException {
    return new NodeClient(node.ready().socket()).ask(request, answer);
  }

  ArrayDetail detail() throws IOException, InterruptedException {
    return ask(new NodeRequest.Detail(NAME), ArrayDetail.class);
  }

  /** What the node says of a disk. */
  ArrayDetail.Member member(Object disk) throws IOException, InterruptedException {
    return detail().members().stream()
        .filter(m -> m.path().equals(disk.toString()))
        .findFirst()
        .orElseThrow(() -> new AssertionError("the array has no disk " + disk));
  }

  /** Returns when nothing is left to copy. */
  void awaitIdle() throws IOException, InterruptedException {
    ask(
        new NodeRequest.Wait(NAME, NodeRequest.Wait.Until.IDLE, OptionalLong.of(PATIENCE_MILLIS)),
        JsonNode.class);
  }

  /** Compares all members. */
  ScrubResult check() throws IOException, InterruptedException {
    return ask(new NodeRequest.Scrub(NAME, false, Optional.empty()), ScrubResult.class);
  }

  @Override
  public void close() {
    node.close();
  }
}
