package io.mirrorctl.it;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Lets fio fill a range through one node, with checksums and a seed of their own in each round, and
 * verify all of it through another.
 */
final class FioClient extends StormClient {
  /** fio's words for data that are not what it wrote; all else is a node that failed. */
  private static final Pattern WRONG =
      Pattern.compile("verify: bad|verify failed|bad magic|bad header|Invalid or incomplete");

  private final Path log;
  private final long offset;
  private final long size;
  private Optional<Long> filledBy = Optional.empty();
  private long rounds;

  FioClient(
      SharedNodes nodes, String name, Path log, long offset, long size, SplittableRandom random) {
    super(nodes, name, random);
    this.log = log;
    this.offset = offset;
    this.size = size;
    start();
  }

  private Process fio(int node, long seed, boolean verify) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                "fio",
                "--name=storm",
                "--ioengine=nbd",
                "--uri=" + nodes.uri(node),
                "--rw=randwrite",
                "--bs=16k",
                "--iodepth=8",
                "--offset=" + offset,
                "--size=" + size,
                "--randseed=" + seed,
                "--verify=crc32c",
                "--verify_fatal=1",
                "--do_verify=0",
                "--end_fsync=1"));
    if (verify) {
      command.add("--verify_only");
    }
    return new ProcessBuilder(command)
        .directory(log.getParent().toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start();
  }

  @Override
  Visit visit(int node, SplittableRandom chance) throws IOException {
    long seed = chance.nextLong(1, Integer.MAX_VALUE);
    filledBy = Optional.empty();
    return new Visit() {
      private volatile Process process;
      private volatile boolean abandoned;

      @Override
      public boolean work() throws IOException, InterruptedException {
        process = fio(node, seed, false);
        boolean done = process.waitFor() == 0;
        if (done && !abandoned) {
          filledBy = Optional.of(seed);
        }
        return done;
      }

      @Override
      public void abandon() {
        abandoned = true;
        close();
      }

      @Override
      public void close() {
        if (process != null) {
          Tool.killTree(process);
        }
      }
    };
  }

  @Override
  void check(int node) throws IOException, InterruptedException {
    if (filledBy.isEmpty()) {
      return;
    }
    Process process = fio(node, filledBy.get(), true);
    try {
      boolean ended = process.waitFor(20, TimeUnit.SECONDS);
      String said = Files.readString(log, UTF_8);
      if (WRONG.matcher(said).find()) {
        throw new AssertionError("fio, through %s: %s".formatted(SharedNodes.name(node), said));
      }
      if (!ended || process.exitValue() != 0) {
        throw new IOException("fio, through %s: %s".formatted(SharedNodes.name(node), said));
      }
      rounds++;
    } finally {
      Tool.killTree(process);
    }
  }

  @Override
  String account() {
    return "%d times %d bytes written and verified through another node, %d nodes lost"
        .formatted(rounds, size, losses());
  }
}
