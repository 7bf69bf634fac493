package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/**
 * The file in which a disk server keeps whom it has fenced: docs/formats/fences.md. Written as a
 * whole under another name and then renamed, so that it is either the old one or the new one.
 *
 * <p>Threading: one thread at a time.
 */
final class FenceState {
  private static final String HEADER = "mirrorctl-fences 1";
  private static final String LINE = "fenced";
  private static final int LARGEST = 1 << 20;

  private final Path file;

  FenceState(Path file) {
    this.file = file;
  }

  /** A node of a cluster, in all its lives. */
  record Node(UUID cluster, int number) implements Comparable<Node> {
    @Override
    public int compareTo(Node other) {
      int byCluster = cluster.compareTo(other.cluster);
      return byCluster == 0 ? Integer.compare(number, other.number) : byCluster;
    }
  }

  Path file() {
    return file;
  }

  /**
   * The highest fenced incarnation of each node; empty if there is no file yet.
   *
   * @throws IOException if there is one that cannot be read or understood
   */
  SortedMap<Node, Long> read() throws IOException {
    try {
      if (Files.size(file) > LARGEST) {
        throw notOurs("it is too long");
      }
      return parse(Files.readString(file));
    } catch (NoSuchFileException e) {
      return new TreeMap<>();
    } catch (CharacterCodingException e) {
      throw notOurs("it is no text");
    }
  }

  private SortedMap<Node, Long> parse(String text) throws IOException {
    if (!text.startsWith(HEADER + "\n") || !text.endsWith("\n")) {
      throw notOurs("it does not begin with \"%s\", or is cut off".formatted(HEADER));
    }
    var fenced = new TreeMap<Node, Long>();
    for (String line : text.lines().skip(1).toList()) {
      String[] words = line.split(" ", -1);
      try {
        if (words.length != 4 || !words[0].equals(LINE)) {
          throw new IllegalArgumentException("unknown line");
        }
        var identity =
            new NodeIdentity(
                UUID.fromString(words[1]), Integer.parseInt(words[2]), Long.parseLong(words[3]));
        var node = new Node(identity.cluster(), identity.node());
        if (fenced.put(node, identity.incarnation()) != null) {
          throw new IllegalArgumentException("a node twice");
        }
      } catch (IllegalArgumentException e) {
        throw notOurs("\"%s\": %s".formatted(line, e.getMessage()));
      }
    }
    return fenced;
  }

  private IOException notOurs(String why) {
    return new IOException(
        "%s cannot be used, and with it whom this disk was told to refuse is not known: %s; restore"
                .formatted(file, why)
            + " it, or remove it once every node that may have the disk open has been restarted");
  }

  /** Keeps these; durable when it returns. */
  void write(Map<Node, Long> fenced) throws IOException {
    var text = new StringBuilder(HEADER).append('\n');
    new TreeMap<>(fenced)
        .forEach((node, incarnation) ->
            text.append("%s %s %d %d\n".formatted(LINE, node.cluster, node.number, incarnation)));
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try (FileChannel out =
        FileChannel.open(
            fresh,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(UTF_8));
      while (bytes.hasRemaining()) {
        int _ = out.write(bytes);
      }
      out.force(true);
    }
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    try (FileChannel directory =
        FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      directory.force(true);
    }
  }
}
