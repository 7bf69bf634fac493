package io.mirrorctl.cli.demo;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;

/** One telling, with its characters; each step says what it has proved. */
final class DemoStory {
  static final List<String> NODES = List.of("n1", "n2");
  private static final String ARRAY = "demo";
  private static final long MIB = 1 << 20;
  private static final Duration LOOK_AGAIN = Duration.ofMillis(50);
  private static final long LONGEST_TAKEOVER_MILLIS = 60_000;

  /** So long a recovery takes that somebody watches. */
  private static final int SECONDS_TO_WATCH = 2;

  /** Above what an array keeps at least beside its clients. */
  private static final long LEAST_SPEED = 16 * MIB;

  private final DemoInput input;
  private final DemoText inverted;
  private final DemoDisks disks;
  private final DemoCluster cluster;
  private final Demo.Teller teller;
  private final Env env;
  private final List<DemoNode> nodes = new ArrayList<>();
  private long acknowledged;
  private long unanswered;
  private int steps;

  DemoStory(DemoInput input, DemoDisks disks, DemoCluster cluster, Demo.Teller teller, Env env) {
    this.input = input;
    this.inverted = input.inverted();
    this.disks = disks;
    this.cluster = cluster;
    this.teller = teller;
    this.env = env;
  }

  Demo.Outcome tell() throws IOException, InterruptedException {
    long began = env.millis();
    createDisks();
    startNodes();
    DemoNode first = nodes.getFirst();
    DemoNode second = nodes.getLast();
    String sha256 = writeHereReadThere(first, second);
    var copy = new DemoCopy(inverted, input.bytes(), env);
    long killed = kill(first, copy);
    DemoDisks.Traces traces = disks.inspect();
    slowDown(second, traces);
    DemoLook before = look(second, copy);
    step(
        "n2 gives back at once all that was acknowledged; of what was under way each 4 KiB are old or"
            + " new as a whole (%s are new).",
        ByteSize.text(before.unansweredNew()));
    tellTraces(traces);
    long takeover = awaitTakeover(first, second, killed);
    long recovery = recover(second, traces);
    DemoLook after = look(second, copy);
    require(
        after.sha256().equals(before.sha256()),
        "n2 gave SHA-256 %s before the recovery and %s after it",
        before.sha256(),
        after.sha256());
    step("n2 gives back the same as before the recovery, to the byte: SHA-256 equal.");
    finish(second, copy);
    stopAndCompare(second);
    teller.tell("All of it held. It took %s.".formatted(seconds(env.millis() - began)));
    return new Demo.Outcome(
        input.bytes(),
        sha256,
        acknowledged,
        unanswered,
        takeover,
        recovery,
        traces.chunks(),
        traces.dirty().cardinality(),
        traces.differing().cardinality());
  }

  private void createDisks() throws IOException {
    long arrayBytes = 2 * Math.ceilDiv(input.bytes(), MIB) * MIB; // half of it stays untouched
    disks.create(ARRAY, DemoCluster.NAME, arrayBytes, env);
    step(
        "Two files play the disks that both nodes reach: %s and %s. A mirror of %s is made of them.",
        disks.files().getFirst(), disks.files().getLast(), ByteSize.text(arrayBytes));
  }

  private void startNodes() throws IOException, InterruptedException {
    String zookeeper = cluster.startZooKeeper();
    for (String name : NODES) {
      nodes.add(cluster.spawn(name));
    }
    List<String> paths = disks.files().stream().map(Path::toString).toList();
    for (DemoNode node : nodes) {
      node.awaitReady(env);
      node.client()
          .ask(
              new NodeRequest.Assemble(ARRAY, paths, false, false, false, false),
              ArrayDetail.class);
    }
    step(
        "Nodes n1 (process %d) and n2 (process %d) have it in use at the same time, as two hosts"
            + " would; they meet in a ZooKeeper, here one inside this process, at %s.",
        nodes.getFirst().pid(), nodes.getLast().pid(), zookeeper);
  }

  private NbdDevice connect(DemoNode node) throws IOException {
    NbdClientConfig config = NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO);
    return NbdDevice.connect(NbdUri.parse(node.uri(ARRAY)), config, env);
  }

  private String writeHereReadThere(DemoNode here, DemoNode there) throws IOException {
    String wanted = input.sha256(input.bytes());
    long start = env.millis();
    try (NbdDevice mirror = connect(here)) {
      new DemoCopy(input, input.bytes(), env).finish(mirror);
    }
    long written = env.millis();
    try (NbdDevice mirror = connect(there)) {
      String found = sha256(mirror);
      require(found.equals(wanted), "n2 gives SHA-256 %s, not %s", found, wanted);
    }
    step(
        "%s of %s are written through n1 over NBD (%s), and read back through n2 (%s): SHA-256 %s,"
            + " as the input's.",
        ByteSize.text(input.bytes()),
        input.path(),
        seconds(written - start),
        seconds(env.millis() - written),
        wanted);
    return wanted;
  }

  private String sha256(NbdDevice mirror) throws IOException {
    DemoText text = mirror::read;
    return text.sha256(input.bytes());
  }

  /** Returns the time of the blow. */
  private long kill(DemoNode node, DemoCopy copy) throws IOException {
    long killAt = input.bytes() / 10 * (3 + env.random().nextInt(5));
    AtomicLong killed = new AtomicLong();
    try (NbdDevice mirror = connect(node)) {
      copy.writeUntilKilled(
          mirror,
          killAt,
          () -> {
            killed.set(env.millis());
            node.kill();
          });
    }
    acknowledged = copy.acknowledgedBytes();
    unanswered = copy.unansweredBytes();
    step(
        "All of it is written over, with every bit turned, through n1, which gets SIGKILL in"
            + " mid-write: %s were acknowledged, %s were under way.",
        ByteSize.text(acknowledged), ByteSize.text(unanswered));
    return killed.get();
  }

  /** So that the recovery can be watched. */
  private void slowDown(DemoNode node, DemoDisks.Traces traces)
      throws IOException, InterruptedException {
    long bytes = (long) traces.dirty().cardinality() * DemoDisks.CHUNK_BYTES;
    long speed = Math.max(LEAST_SPEED, bytes / SECONDS_TO_WATCH);
    node.client()
        .ask(
            new NodeRequest.Sync(
                ARRAY, false, false, false, OptionalLong.empty(), OptionalLong.of(speed)),
            ArrayDetail.class);
  }

  private DemoLook look(DemoNode node, DemoCopy copy) throws IOException {
    try (NbdDevice mirror = connect(node)) {
      DemoLook look = DemoLook.at(mirror::read, input.bytes(), input, inverted, copy);
      require(
          look.wrongAt() < 0,
          "at byte %d %s gives neither what was acknowledged nor what may be there",
          look.wrongAt(),
          node.name());
      return look;
    }
  }

  private void tellTraces(DemoDisks.Traces traces) throws CommandException {
    require(
        traces.forgotten().isEmpty(),
        "the disks differ in chunks %s, which all bitmaps call clean",
        traces.forgotten());
    require(!traces.dirty().isEmpty(), "n1 died while it wrote, and all bitmaps are clean");
    step(
        "The bitmaps on the disks say where they may differ: in %d of %d chunks of %s. They do in %d of"
            + " these, and nowhere else.",
        traces.dirty().cardinality(),
        traces.chunks(),
        ByteSize.text(DemoDisks.CHUNK_BYTES),
        traces.differing().cardinality());
  }

  private long awaitTakeover(DemoNode dead, DemoNode survivor, long killed)
      throws IOException, InterruptedException {
    while (!hasTakenOver(dead, survivor)) {
      require(
          env.millis() - killed < LONGEST_TAKEOVER_MILLIS,
          "%d s after the kill n2 has not taken over what n1 left",
          LONGEST_TAKEOVER_MILLIS / 1000);
      env.sleep(LOOK_AGAIN);
    }
    long took = env.millis() - killed;
    step(
        "n2 has taken over what n1 left, %s after the kill: not before it was sure, by n1's lease,"
            + " that n1 writes no more (a session is %d s here).",
        seconds(took), DemoCluster.SESSION.toSeconds());
    return took;
  }

  private static boolean hasTakenOver(DemoNode dead, DemoNode survivor)
      throws IOException, InterruptedException {
    return survivor.client().ask(new NodeRequest.Detail(ARRAY), ArrayDetail.class).slots().stream()
        .noneMatch(slot -> slot.node().equals(dead.name()));
  }

  private long recover(DemoNode node, DemoDisks.Traces traces)
      throws IOException, InterruptedException {
    long start = env.millis();
    NodeRequest wait =
        new NodeRequest.Wait(ARRAY, NodeRequest.Wait.Until.IN_SYNC, OptionalLong.empty());
    ArrayDetail array = teller.showing(node.client(), wait, ArrayDetail.class);
    require(
        array.members().stream().allMatch(member -> member.state().equals("in-sync")),
        "after the recovery the members are %s",
        array.members());
    long took = env.millis() - start;
    DemoDisks.Traces left = disks.inspect();
    require(left.differing().isEmpty(), "the disks still differ in chunks %s", left.differing());
    step(
        "n2 has copied these %d chunks from one disk to the other in %s (slowed down to be seen); now"
            + " the disks are equal, byte by byte.",
        traces.dirty().cardinality(), seconds(took));
    return took;
  }

  private void finish(DemoNode node, DemoCopy copy) throws IOException {
    String wanted = inverted.sha256(input.bytes());
    try (NbdDevice mirror = connect(node)) {
      copy.finish(mirror);
      String found = sha256(mirror);
      require(found.equals(wanted), "n2 gives SHA-256 %s, not %s", found, wanted);
    }
    step("The writer goes on through n2 where n1 had left it: SHA-256 %s, as it must be.", wanted);
  }

  private void stopAndCompare(DemoNode node) throws IOException, InterruptedException {
    int status = node.terminate();
    require(status == 0, "node %s ended with status %d", node.name(), status);
    DemoDisks.Traces traces = disks.inspect();
    require(traces.differing().isEmpty(), "the disks differ in chunks %s", traces.differing());
    require(traces.dirty().isEmpty(), "the stopped array calls chunks %s dirty", traces.dirty());
    step("n2 is stopped and the disks are compared byte by byte: equal, and their bitmaps clean.");
  }

  private static String seconds(long millis) {
    return String.format(Locale.ROOT, "%.1f s", millis / 1000.0);
  }

  @FormatMethod
  private void step(@FormatString String text, Object... arguments) {
    steps++;
    teller.tell("%2d. ".formatted(steps) + text.formatted(arguments));
  }

  @FormatMethod
  private static void require(boolean holds, @FormatString String text, Object... arguments)
      throws CommandException {
    if (!holds) {
      throw new CommandException(
          ExitCode.FAILED, "the demo found a fault: " + text.formatted(arguments));
    }
  }
}
