package io.mirrorctl.cli.demo;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/**
 * The whole story of a shared mirror in one go: two disks, two nodes, real data, a node killed in
 * mid-write, and proof that nothing is lost. What does not hold is an exception.
 */
public final class Demo {
  private static final long MIB = 1 << 20;

  private final Teller teller;
  private final Env env;

  /** Takes the story. */
  public interface Teller {
    void tell(String line);

    /** A request whose progress is to be shown. */
    <T> T showing(NodeClient node, NodeRequest request, Class<T> answer)
        throws IOException, InterruptedException;
  }

  /**
   * What the demo is to do.
   *
   * @param input file to be written to the mirror
   * @param mostBytes of that file
   * @param keep directory for the disks and the nodes' logs, which stay there; else they are
   *     temporary
   */
  public record Wish(Path input, long mostBytes, Optional<Path> keep) {}

  /**
   * What has been shown.
   *
   * @param bytes of the input
   * @param sha256 of the input, and of what the second node gave back
   * @param acknowledgedBytes that the first node had acknowledged when it was killed
   * @param unansweredBytes that it had been sent besides
   * @param takeoverMillis from the kill to the end of the takeover
   * @param recoveryMillis from there until the disks were equal, at a speed that can be watched
   * @param chunks of the bitmap, and how many of them the crash left dirty, and differing
   */
  public record Outcome(
      long bytes,
      String sha256,
      long acknowledgedBytes,
      long unansweredBytes,
      long takeoverMillis,
      long recoveryMillis,
      long chunks,
      int dirtyChunks,
      int differingChunks) {}

  public Demo(Teller teller, Env env) {
    this.teller = teller;
    this.env = env;
  }

  /** Tells the story; leaves no process and no file behind except those to be kept. */
  public Outcome run(Wish wish) throws IOException, InterruptedException {
    try (DemoInput input = DemoInput.open(wish.input(), wish.mostBytes())) {
      Path scratch = Files.createTempDirectory("mirrorctl-demo-");
      Path place = wish.keep().orElse(scratch);
      var cluster = new DemoCluster(scratch, place);
      Thread cleaner = new Thread(() -> clean(cluster, scratch), "mirror-demo-cleaner");
      Runtime.getRuntime().addShutdownHook(cleaner);
      try {
        return tell(input, place, cluster);
      } catch (IOException | RuntimeException | Error e) {
        if (cluster.isClosed()) {
          new CountDownLatch(1)
              .await(); // a signal ends this process; what fails by that is no news
        }
        throw e;
      } finally {
        clean(cluster, scratch);
        try {
          Runtime.getRuntime().removeShutdownHook(cleaner);
        } catch (IllegalStateException e) {
          // the process ends already, and the cleaner runs
        }
      }
    }
  }

  private Outcome tell(DemoInput input, Path place, DemoCluster cluster)
      throws IOException, InterruptedException {
    make(place);
    checkRoom(place, input.bytes());
    var disks = new DemoDisks(place);
    for (Path file : disks.files()) {
      checkFree(file);
    }
    for (String node : DemoStory.NODES) {
      checkFree(cluster.log(node));
    }
    return new DemoStory(input, disks, cluster, teller, env).tell();
  }

  private static void make(Path directory) throws IOException {
    try {
      Files.createDirectories(directory);
    } catch (FileSystemException e) {
      throw new CommandException(
          ExitCode.FAILED,
          "%s cannot be made a directory for the disks: %s; give another with --keep"
              .formatted(directory, Failure.of(e).text()),
          e);
    }
  }

  private static void checkRoom(Path place, long bytes) throws IOException {
    long room = place.toFile().getUsableSpace(); // a file store cannot be had in a chroot
    long needed = 2 * bytes + 16 * MIB;
    if (room < needed) {
      throw new CommandException(
          ExitCode.FAILED,
          "%s has room for %s, the two disks take %s; give a smaller --size, or another place with --keep"
              .formatted(place, ByteSize.text(room), ByteSize.text(needed)));
    }
  }

  private static void checkFree(Path file) throws IOException {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new CommandException(
          ExitCode.PROTECTED,
          file + ": there is such a file already; give a new directory with --keep");
    }
  }

  private void clean(DemoCluster cluster, Path scratch) {
    cluster.close();
    try {
      if (Files.exists(scratch)) {
        MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
      }
    } catch (IOException e) {
      teller.tell("could not remove " + scratch + ": " + e.getMessage());
    }
  }
}
