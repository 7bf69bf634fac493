package io.mirrorctl.it;

import static io.mirrorctl.it.ClusterNodes.detail;
import static io.mirrorctl.it.MemberFiles.mirrorctl;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.core.block.WriteOption;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two operators on two nodes give commands about the same array at the same moment: each gets what
 * he asked for or a clear answer, nothing hangs, both nodes see the same array after it, and its
 * members are equal at the end.
 */
class ConflictingCommandsIT {
  private static final long DISK_BYTES = 12 << 20;
  private static final int BLOCK = 4096;
  private static final long LIMIT_SECONDS = 60;

  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path directory;

  private ClusterNodes cluster;
  private final List<Path> disks = new ArrayList<>();
  private final List<Operator> operators = new ArrayList<>();

  /** Non-faulty members when anybody last looked. */
  private List<String> members = List.of();

  private final List<String> story = new ArrayList<>();

  /** Who sits at a node. */
  private record Operator(NodeProcess node) {
    ArrayDetail ask(NodeRequest request) throws IOException, InterruptedException {
      return new NodeClient(node.ready().socket()).ask(request, ArrayDetail.class);
    }

    boolean hasArray() throws InterruptedException {
      try {
        var _ = detail(node);
        return true;
      } catch (IOException e) {
        return false;
      }
    }
  }

  @BeforeEach
  void start() throws IOException {
    cluster = new ClusterNodes(directory, Duration.ofSeconds(10));
    for (String name : List.of("a", "b", "c", "d")) {
      disks.add(directory.resolve(name));
    }
    MemberFiles.createShared(DISK_BYTES, disks.get(0), disks.get(1));
    for (Path spare : disks.subList(2, 4)) {
      try (var file = new RandomAccessFile(spare.toFile(), "rw")) {
        file.setLength(DISK_BYTES);
      }
    }
    for (String name : List.of("n1", "n2")) {
      operators.add(
          new Operator(
              cluster.start(name, "--assemble", MemberFiles.assemble("m", disks.subList(0, 2)))));
    }
  }

  @AfterEach
  void stop() {
    cluster.close();
  }

  @Test
  void oneWinsAndTheOtherGetsAClearAnswer() throws Exception {
    rounds(30);
  }

  @Tag("nightly")
  @Test
  void oneWinsAndTheOtherGetsAClearAnswerFiveHundredTimes() throws Exception {
    rounds(Integer.getInteger("conflict.rounds", 500));
  }

  private void rounds(int count) throws Exception {
    long seed = Long.getLong("conflict.seed", System.nanoTime());
    System.out.printf("ConflictingCommandsIT: -Dconflict.seed=%d%n", seed);
    var random = new SplittableRandom(seed);
    try {
      for (int round = 0; round < count; round++) {
        story.add("round " + round);
        assembleWhereItIsNot();
        giveAtOnce(command(random), command(random));
        awaitAgreement();
        writeThroughEach(random);
      }
      endInSync();
    } catch (AssertionError | RuntimeException | IOException e) {
      System.out.println(
          String.join("\n", story.subList(Math.max(0, story.size() - 40), story.size())));
      operators.forEach(operator -> System.out.println(operator.node().log()));
      throw e;
    }
  }

  private NodeRequest command(SplittableRandom random) {
    String disk = disks.get(random.nextInt(disks.size())).toString();
    return switch (random.nextInt(12)) {
      case 0, 1 -> new NodeRequest.Add("m", disk, true);
      case 2, 3 -> new NodeRequest.Remove("m", disk);
      case 4, 5 -> new NodeRequest.Fail("m", disk);
      case 6, 7 -> new NodeRequest.ReAdd("m", disk);
      case 8 ->
          new NodeRequest.Replace(
              "m", disk, disks.get(random.nextInt(disks.size())).toString(), true);
      case 9, 10 ->
          new NodeRequest.Grow(
              "m", OptionalInt.of(2 + random.nextInt(2)), OptionalLong.empty(), false);
      default -> new NodeRequest.Stop("m");
    };
  }

  private void giveAtOnce(NodeRequest... requests) {
    var barrier = new CyclicBarrier(requests.length);
    List<CompletableFuture<String>> answers = new ArrayList<>();
    for (int i = 0; i < requests.length; i++) {
      Operator operator = operators.get(i);
      NodeRequest request = requests[i];
      var answer = new CompletableFuture<String>();
      answers.add(answer);
      Thread.ofPlatform()
          .daemon()
          .start(() -> {
            try {
              answer.complete(give(operator, request, barrier));
            } catch (Throwable e) {
              answer.completeExceptionally(e);
            }
          });
    }
    for (int i = 0; i < requests.length; i++) {
      String answer = answers.get(i).orTimeout(LIMIT_SECONDS, TimeUnit.SECONDS).join();
      story.add("n%d %s: %s".formatted(i + 1, requests[i], answer));
      assertThat(answer)
          .as("the answer to %s", requests[i])
          .isNotBlank()
          .doesNotContain("bug:", "Exception");
    }
  }

  private static String give(Operator operator, NodeRequest request, CyclicBarrier barrier) {
    try {
      barrier.await(LIMIT_SECONDS, TimeUnit.SECONDS);
      var client = new NodeClient(operator.node().ready().socket());
      if (request instanceof NodeRequest.Stop) {
        var _ = client.ask(request, Object.class);
      } else {
        var _ = client.ask(request, ArrayDetail.class);
      }
      return "done";
    } catch (IOException e) {
      return e.getMessage();
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private void assembleWhereItIsNot() throws IOException, InterruptedException {
    for (Operator operator : operators) {
      if (!operator.hasArray()) {
        look();
        story.add("assembling " + members);
        var _ = operator.ask(new NodeRequest.Assemble("m", members, true, false, false, false));
      }
    }
    look();
  }

  private void look() throws InterruptedException {
    for (Operator operator : operators) {
      try {
        members =
            detail(operator.node()).members().stream()
                .filter(member -> !member.state().equals("faulty"))
                .map(ArrayDetail.Member::path)
                .toList();
        return;
      } catch (IOException e) {
        // it has not the array
      }
    }
  }

  /** What is told of the array where it is in use; what is faulty may be known to some only. */
  private Optional<String> seenBy(Operator operator) throws InterruptedException {
    try {
      ArrayDetail seen = detail(operator.node());
      var told = new TreeSet<String>();
      for (ArrayDetail.Member member : seen.members()) {
        if (!member.state().equals("faulty")) {
          told.add(member.path() + " " + member.state());
        }
      }
      return Optional.of(seen.events() + " " + told);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private void awaitAgreement() {
    Awaitility.await("both nodes see the same array")
        .atMost(Duration.ofSeconds(LIMIT_SECONDS))
        .untilAsserted(() -> {
          List<Optional<String>> seen = new ArrayList<>();
          for (Operator operator : operators) {
            seen.add(seenBy(operator));
          }
          assertThat(seen.stream().flatMap(Optional::stream).distinct().count())
              .as("%s", seen)
              .isLessThanOrEqualTo(1);
        });
  }

  /** Through each node that has it; every other one reads it. */
  private void writeThroughEach(SplittableRandom random) throws Exception {
    for (Operator writer : operators) {
      if (!writer.hasArray()) {
        continue;
      }
      byte[] data = new byte[BLOCK];
      Arrays.fill(data, (byte) (1 + random.nextInt(255)));
      long offset = (long) random.nextInt(1000) * BLOCK;
      try (NbdDevice device = ClusterNodes.connect(writer.node())) {
        device.write(offset, ByteBuffer.wrap(data), WriteOption.NONE);
      }
      for (Operator reader : operators) {
        if (reader.hasArray()) {
          assertThat(read(reader, offset)).as("at %d", offset).isEqualTo(data);
        }
      }
    }
  }

  private static byte[] read(Operator reader, long offset) throws IOException {
    byte[] found = new byte[BLOCK];
    try (NbdDevice device = ClusterNodes.connect(reader.node())) {
      device.read(offset, ByteBuffer.wrap(found));
    }
    return found;
  }

  private void endInSync() throws Exception {
    assembleWhereItIsNot();
    for (Operator operator : operators) {
      var _ =
          operator.ask(
              new NodeRequest.Wait("m", NodeRequest.Wait.Until.IDLE, OptionalLong.of(60_000)));
    }
    List<Object> equal = new ArrayList<>(List.of("compare"));
    for (ArrayDetail.Member member : detail(operators.getFirst().node()).members()) {
      if (member.state().equals("in-sync")) {
        equal.add(member.path());
      }
    }
    cluster.endCleanly();
    if (equal.size() > 2) {
      mirrorctl(equal.toArray()).run();
    }
  }
}
