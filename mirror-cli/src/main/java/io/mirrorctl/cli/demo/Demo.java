package io.mirrorctl.cli.demo;

import com.google.common.io.MoreFiles;
import com.google.common.io.RecursiveDeleteOption;
import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The whole story of a mirror in one go: two disks, a node, real data, a crash in mid-write, and
 * proof that nothing is lost. What does not hold is an exception.
 */
public final class Demo {
  private static final String ARRAY = "demo";
  private static final int MOST_KILLS = 5;
  private static final long MIB = 1 << 20;

  private final Teller teller;
  private final Env env;
  private final AtomicReference<DemoNode> running = new AtomicReference<>();

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
   * @param keep directory for the disks, which stay there; else they are temporary
   */
  public record Wish(Path input, long mostBytes, Optional<Path> keep) {}

  /**
   * What has been shown.
   *
   * @param bytes of the input
   * @param sha256 of the input, and of what the mirror gave back
   * @param kills it took until a crash left something to repair
   * @param chunks of the bitmap, and how many of them the crash left dirty, and differing
   */
  public record Outcome(
      long bytes, String sha256, int kills, long chunks, int dirtyChunks, int differingChunks) {}

  public Demo(Teller teller, Env env) {
    this.teller = teller;
    this.env = env;
  }

  /** Tells the story; leaves no process and no file behind except those to be kept. */
  public Outcome run(Wish wish) throws IOException, InterruptedException {
    Path scratch = Files.createTempDirectory("mirrorctl-demo-");
    Thread cleaner = new Thread(() -> clean(scratch), "mirror-demo-cleaner");
    Runtime.getRuntime().addShutdownHook(cleaner);
    try (DemoInput input = DemoInput.open(wish.input(), wish.mostBytes())) {
      Path place = wish.keep().isPresent() ? made(wish.keep().get()) : scratch;
      checkRoom(place, input.bytes());
      return new Story(input, scratch, new DemoDisks(place)).tell();
    } finally {
      clean(scratch);
      try {
        Runtime.getRuntime().removeShutdownHook(cleaner);
      } catch (IllegalStateException e) {
        // the process ends already, and the cleaner runs
      }
    }
  }

  private static Path made(Path directory) throws IOException {
    try {
      return Files.createDirectories(directory);
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

  private void clean(Path scratch) {
    DemoNode node = running.getAndSet(null);
    if (node != null) {
      node.kill();
    }
    try {
      if (Files.exists(scratch)) {
        MoreFiles.deleteRecursively(scratch, RecursiveDeleteOption.ALLOW_INSECURE);
      }
    } catch (IOException e) {
      teller.tell("could not remove " + scratch + ": " + e.getMessage());
    }
  }

  @FormatMethod
  private void tell(@FormatString String text, Object... arguments) {
    teller.tell(text.formatted(arguments));
  }

  @FormatMethod
  private static void require(boolean holds, @FormatString String text, Object... arguments)
      throws CommandException {
    if (!holds) {
      throw new CommandException(
          ExitCode.FAILED, "the demo found a fault: " + text.formatted(arguments));
    }
  }

  /** One telling, with its characters. */
  private final class Story {
    private final DemoInput input;
    private final Path scratch;
    private final DemoDisks disks;
    private final DemoCopy copy;
    private long flushed;
    private int kills;

    Story(DemoInput input, Path scratch, DemoDisks disks) {
      this.input = input;
      this.scratch = scratch;
      this.disks = disks;
      this.copy = new DemoCopy(input, env);
    }

    Outcome tell() throws IOException, InterruptedException {
      long arrayBytes = Math.ceilDiv(input.bytes(), MIB) * MIB;
      disks.create(ARRAY, arrayBytes, env);
      Demo.this.tell(
          "Two files play the disks, %s and %s: a mirror of %s is made of them.",
          disks.files().get(0), disks.files().get(1), ByteSize.text(arrayBytes));
      String wanted = input.sha256(input.bytes());
      DemoDisks.Traces traces = crash();
      start();
      Demo.this.tell("A new node (process %d) takes over and copies those chunks only.", pid());
      resync();
      checkFlushed();
      finish(wanted);
      stopAndCompare();
      Demo.this.tell("All of it held.");
      return new Outcome(
          input.bytes(),
          wanted,
          kills,
          traces.chunks(),
          traces.dirty().cardinality(),
          traces.differing().cardinality());
    }

    private void start() throws IOException, InterruptedException {
      running.set(DemoNode.start(scratch, env));
      List<String> paths = disks.files().stream().map(Path::toString).toList();
      node()
          .client()
          .ask(new NodeRequest.Assemble(ARRAY, paths, false, false, false), ArrayDetail.class);
    }

    private DemoNode node() {
      return running.get();
    }

    private long pid() {
      return node().pid();
    }

    private NbdDevice connect() throws IOException {
      NbdClientConfig config = NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO);
      return NbdDevice.connect(NbdUri.parse(node().uri(ARRAY)), config, env);
    }

    /** Kills nodes until one leaves something to repair. */
    private DemoDisks.Traces crash() throws IOException, InterruptedException {
      while (kills < MOST_KILLS) {
        flushed = 0;
        kill();
        DemoDisks.Traces traces = disks.inspect();
        require(
            traces.forgotten().isEmpty(),
            "the disks differ in chunks %s, which the bitmap calls clean",
            traces.forgotten());
        if (!traces.dirty().isEmpty()) {
          Demo.this.tell(
              "The bitmap on the disks says what may differ: %d of %d chunks of %s; %d really do.",
              traces.dirty().cardinality(),
              traces.chunks(),
              ByteSize.text(DemoDisks.CHUNK_BYTES),
              traces.differing().cardinality());
          return traces;
        }
        Demo.this.tell("It left nothing to repair, so that proves nothing: once more.");
      }
      throw new CommandException(
          ExitCode.FAILED,
          "%d crashes left nothing to repair; give a larger --size".formatted(kills));
    }

    private void kill() throws IOException, InterruptedException {
      start();
      Demo.this.tell(
          "A node (process %d) serves the mirror over NBD; %s of %s are written to it.",
          pid(), ByteSize.text(input.bytes()), input.path());
      long killAt = input.bytes() / 10 * (3 + env.random().nextInt(5));
      try (NbdDevice mirror = connect()) {
        flushed = copy.copyUntilKilled(mirror, 0, killAt, node()::kill);
      }
      kills++;
      node().kill(); // a small input may have been written before the blow
      Demo.this.tell(
          "SIGKILL in mid-write, after %s; %s of them had been flushed.",
          ByteSize.text(killAt), ByteSize.text(flushed));
    }

    private void resync() throws IOException, InterruptedException {
      NodeRequest wait =
          new NodeRequest.Wait(ARRAY, NodeRequest.Wait.Until.IN_SYNC, OptionalLong.empty());
      ArrayDetail array = teller.showing(node().client(), wait, ArrayDetail.class);
      require(
          array.members().stream().allMatch(member -> member.state().equals("in-sync")),
          "after the resync the members are %s",
          array.members());
      Demo.this.tell("The disks are equal again.");
    }

    private void checkFlushed() throws IOException {
      try (NbdDevice mirror = connect()) {
        require(
            DemoInput.sha256(mirror::read, flushed).equals(input.sha256(flushed)),
            "the first %d bytes were flushed before the crash and are not there",
            flushed);
      }
      Demo.this.tell("What had been flushed before the crash is there: SHA-256 equal.");
    }

    private void finish(String wanted) throws IOException {
      try (NbdDevice mirror = connect()) {
        copy.copy(mirror, flushed);
        String found = DemoInput.sha256(mirror::read, input.bytes());
        require(found.equals(wanted), "SHA-256 of the mirror is %s, not %s", found, wanted);
      }
      Demo.this.tell("The rest is written and all read back: SHA-256 %s, as the input's.", wanted);
    }

    private void stopAndCompare() throws IOException, InterruptedException {
      int status = node().terminate();
      require(status == 0, "the node ended with status %d", status);
      DemoDisks.Traces traces = disks.inspect();
      require(traces.differing().isEmpty(), "the disks differ in chunks %s", traces.differing());
      require(traces.dirty().isEmpty(), "the stopped array calls chunks %s dirty", traces.dirty());
      Demo.this.tell("The node is stopped, the disks are compared byte by byte: equal.");
    }
  }
}
