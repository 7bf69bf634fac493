package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.daemon.NodeClient;
import io.mirrorctl.cli.daemon.NodeEvent;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class NodeCommandsTest {
  /** Where data begins is for create to choose; far behind it is data for sure. */
  private static final long IN_DATA = 5 << 20;

  @TempDir Path directory;
  private NodeRig rig;

  @BeforeEach
  void start() throws IOException, InterruptedException {
    rig = NodeRig.start(directory);
  }

  @AfterEach
  void stop() throws IOException {
    rig.close();
  }

  private Cli.Run done(Object... arguments) {
    Cli.Run run = rig.run(arguments);
    assertThat(run.code()).as(run.err()).isZero();
    return run;
  }

  private JsonNode detail() {
    return done("detail", "m", "--json").json();
  }

  private List<String> states() {
    return detail().get("members").valueStream().map(m -> m.get("state").asString()).toList();
  }

  @Test
  void detailHasTheKeysThatScriptsRelyOn() throws IOException {
    List<Path> disks = rig.mirror();

    JsonNode json = detail();

    assertThat(json.propertyNames())
        .contains(
            "name",
            "uuid",
            "level",
            "sizeBytes",
            "state",
            "events",
            "bitmap",
            "members",
            "slots",
            "sync");
    assertThat(json.get("name").asString()).isEqualTo("m");
    assertThat(json.get("level").asString()).isEqualTo("raid1");
    assertThat(json.get("state").asString()).isEqualTo("clean");
    assertThat(json.get("sizeBytes").asLong()).isBetween(1L << 20, NodeRig.DISK_BYTES);
    assertThat(json.get("bitmap").get("kind").asString()).isEqualTo("internal");
    assertThat(json.get("bitmap").get("chunkBytes").asLong()).isEqualTo(NodeRig.CHUNK_BYTES);
    assertThat(json.get("sync").isNull()).isTrue();
    JsonNode member = json.get("members").get(1);
    assertThat(member.get("index").asInt()).isEqualTo(1);
    assertThat(member.get("path").asString()).isEqualTo(disks.get(1).toString());
    assertThat(member.get("state").asString()).isEqualTo("in-sync");
    assertThat(member.get("readErrors").asInt()).isZero();
    JsonNode slot = json.get("slots").get(0);
    assertThat(slot.get("slot").asInt()).isZero();
    assertThat(slot.get("node").asString()).isEqualTo("n1");
    assertThat(slot.get("dirtyChunks").asInt()).isZero();
  }

  @Test
  void detailForPeopleShowsMembersAndBitmap() throws IOException {
    List<Path> disks = rig.mirror();

    assertThat(done("detail", "m").out())
        .contains("State : clean", "internal, chunks of 64 KiB", disks.get(0).toString());

    done("fail", "m", disks.get(1));
    assertThat(done("detail", "m").out()).contains("faulty: failed by the operator");
  }

  @Test
  void statusShowsEachArrayInALine() throws IOException {
    assertThat(done("status").out()).isEqualTo("no arrays\n");
    List<Path> disks = rig.mirror();
    assertThat(done("status").out()).hasLineCount(1).contains("m : clean raid1", "[2/2] [UU]");

    done("fail", "m", disks.get(1));

    assertThat(done("status").out()).contains("m : degraded raid1", "[2/1] [U_]");
    JsonNode array = done("status", "--json").json().get("arrays").get(0);
    assertThat(array.get("map").asString()).isEqualTo("U_");
    assertThat(array.get("inSync").asInt()).isEqualTo(1);
  }

  @Test
  void aMemberFailsLeavesAndComesBack() throws IOException {
    List<Path> disks = rig.mirror();

    assertThat(done("fail", "m", disks.get(1)).out())
        .isEqualTo("m: degraded, 1 of 2 members in sync\n");
    assertThat(states()).containsExactly("in-sync", "faulty");
    done("re-add", "m", disks.get(1));
    done("wait", "m", "--for", "in-sync");
    done("fail", "m", disks.get(1));
    done("remove", "m", disks.get(1));
    assertThat(states()).containsExactly("in-sync");
    done("re-add", "m", disks.get(1));
    done("wait", "m", "--for", "in-sync");

    assertThat(states()).containsExactly("in-sync", "in-sync");
  }

  @Test
  void theLastMemberIsProtectedAndAMemberInUseIsNotRemoved() throws IOException {
    List<Path> disks = rig.mirror();

    assertThat(rig.run("remove", "m", disks.get(1)).code()).isEqualTo(1);
    done("fail", "m", disks.get(1));
    Cli.Run refused = rig.run("fail", "m", disks.get(0));

    assertThat(refused.code()).isEqualTo(4);
    assertThat(refused.err()).contains("last in-sync member");
  }

  @Test
  void aDiskIsAddedAsASpareAndTakesOverByItself() throws IOException {
    List<Path> disks = rig.mirror();
    Path spare = rig.file("spare", NodeRig.DISK_BYTES);

    done("add", "m", spare);
    assertThat(states()).containsExactly("in-sync", "in-sync", "spare");
    done("fail", "m", disks.get(0));
    done("wait", "m", "--for", "in-sync");

    assertThat(states()).containsExactlyInAnyOrder("faulty", "in-sync", "in-sync");
  }

  @Test
  void addWithWaitReturnsWhenTheDiskHoldsAllData() throws IOException {
    List<Path> disks = rig.mirror();
    done("fail", "m", disks.get(1));
    done("remove", "m", disks.get(1));

    Cli.Run run = done("add", "m", rig.file("c", NodeRig.DISK_BYTES), "--wait");

    assertThat(run.out()).isEqualTo("m: clean, 2 of 2 members in sync\n");
  }

  @Test
  void aDiskWithOtherDataIsRefusedAndLeftAloneUnlessForced() throws IOException {
    rig.mirror();
    Path other = rig.members(BitmapKind.INTERNAL, "c", "d").getFirst();

    Cli.Run refused = rig.run("add", "m", other);
    assertThat(refused.code()).isEqualTo(4);
    assertThat(refused.err()).contains(other.toString());

    // had the node kept it open, it would be busy now
    assertThat(done("add", "m", other, "--force").code()).isZero();
  }

  @Test
  void aMemberIsReplacedWhileItStaysInUse() throws IOException {
    List<Path> disks = rig.mirror();
    Path next = rig.file("next", NodeRig.DISK_BYTES);

    done("replace", "m", disks.get(0), "--with", next);
    done("wait", "m");

    assertThat(
            detail()
                .get("members")
                .valueStream()
                .filter(m -> m.get("state").asString().equals("in-sync")))
        .extracting(m -> m.get("path").asString())
        .containsExactlyInAnyOrder(next.toString(), disks.get(1).toString());
  }

  @Test
  void anArrayGrowsInMembersAndSize() throws IOException {
    rig.mirror();
    long before = detail().get("sizeBytes").asLong();
    done("add", "m", rig.file("c", NodeRig.DISK_BYTES));

    done("grow", "m", "--members", "3");
    done("wait", "m", "--for", "in-sync");
    assertThat(states()).containsExactly("in-sync", "in-sync", "in-sync");
    assertThat(detail().get("raidDisks").asInt()).isEqualTo(3);

    done("grow", "m", "--size", "1M", "--force");
    done("grow", "m", "--size", "max");
    done("wait", "m", "--for", "in-sync");
    assertThat(detail().get("sizeBytes").asLong()).isEqualTo(before);
  }

  @Test
  void anArrayShrinksOnlyWithForce() throws IOException {
    rig.mirror();

    Cli.Run refused = rig.run("grow", "m", "--size", "1M");
    assertThat(refused.code()).isEqualTo(4);
    assertThat(refused.err()).contains("loses");
    assertThat(rig.run("grow", "m", "--size", "1T").code()).isEqualTo(1);
    assertThat(rig.run("grow", "m").code()).isEqualTo(2);

    done("grow", "m", "--size", "1M", "--force");
    assertThat(detail().get("sizeBytes").asLong()).isEqualTo(1 << 20);
  }

  @Test
  void checkListsWhatDiffersAndRepairTakesTheDiskThatIsNamed() throws IOException {
    List<Path> disks = rig.mirror();
    assertThat(done("check", "m").out()).contains("no differences");
    NodeRig.overwrite(disks.get(1), IN_DATA, "not the same");

    Cli.Run differs = rig.run("check", "m", "--json");
    assertThat(differs.code()).isEqualTo(1);
    JsonNode json = differs.json();
    assertThat(json.get("mismatchBytes").asLong()).isPositive();
    JsonNode range = json.get("mismatches").get(0);
    assertThat(range.get("lastSector").asLong()).isEqualTo(range.get("firstSector").asLong());
    assertThat(range.get("groups").get(1).get(0).asString()).isEqualTo(disks.get(1).toString());
    assertThat(rig.run("check", "m").out())
        .contains("differ: " + disks.get(0) + " / " + disks.get(1));

    assertThat(rig.run("repair", "m", "--from", directory.resolve("zz")).code()).isEqualTo(1);
    assertThat(done("repair", "m", "--from", disks.get(1)).out()).contains("made equal");

    assertThat(done("check", "m").out()).contains("no differences");
    done("stop", "m");
    assertThat(Files.mismatch(disks.get(0), disks.get(1))).isLessThan(IN_DATA);
    byte[] repaired = Files.readAllBytes(disks.get(0));
    assertThat(new String(repaired, (int) IN_DATA, 12, UTF_8)).isEqualTo("not the same");
  }

  @Test
  void syncIsPausedAndItsSpeedLimited() throws IOException {
    List<Path> disks = rig.mirror();
    done("fail", "m", disks.get(1));
    done("remove", "m", disks.get(1));
    done("sync", "m", "--pause", "--min", "1M", "--max", "100M");
    done("add", "m", rig.file("c", NodeRig.DISK_BYTES));

    JsonNode sync = detail().get("sync");
    assertThat(sync.get("action").asString()).isEqualTo("recovery");
    assertThat(sync.get("paused").asBoolean()).isTrue();
    assertThat(detail().get("state").asString()).isEqualTo("recovering");
    Cli.Run late = rig.run("wait", "m", "--timeout", "50ms");
    assertThat(late.code()).isEqualTo(1);
    assertThat(late.err()).contains("is not idle after 50 ms");

    done("sync", "m", "--resume");
    done("wait", "m", "--for", "in-sync");
    assertThat(rig.run("sync", "m", "--min", "1G", "--max", "1M").code()).isEqualTo(2);
    assertThat(rig.run("sync", "m").code()).isEqualTo(2);
  }

  @Test
  void cancellingWhenNothingRunsDoesNotBreakTheNextCheckOff() throws IOException {
    rig.mirror();

    done("sync", "m", "--cancel");

    assertThat(done("check", "m", "--json").json().get("complete").asBoolean()).isTrue();
  }

  @Test
  void aCheckThatIsCancelledSaysSoAndFails() throws Exception {
    rig.mirror();
    done("sync", "m", "--pause");
    CompletableFuture<Cli.Run> check =
        CompletableFuture.supplyAsync(() -> rig.run("check", "m"), Env.system().io());

    Awaitility.await().until(() -> detail().get("sync").isObject());
    done("sync", "m", "--cancel", "--resume");

    assertThat(check.get().code()).isEqualTo(1);
    assertThat(check.get().out()).contains("broken off");
    assertThat(done("check", "m").out()).contains("no differences");
  }

  @Test
  void waitingForAGapThatNothingFillsFails() throws IOException {
    List<Path> disks = rig.mirror();
    done("fail", "m", disks.get(1));

    Cli.Run run = rig.run("wait", "m", "--for", "in-sync");

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains("add a disk");
  }

  @Test
  void stopClosesTheDisksAndTheArrayComesUpAgain() throws IOException {
    List<Path> disks = rig.mirror();

    assertThat(done("stop", "m").out()).isEqualTo("m: stopped\n");
    assertThat(rig.run("detail", "m").code()).isEqualTo(1);
    assertThat(rig.run("stop", "m").err()).contains("no array m");

    done("assemble", "other-name", disks.get(0), disks.get(1));
    assertThat(rig.run("assemble", "m", disks.get(0), disks.get(1)).err())
        .contains("is in array other-name");
  }

  @Test
  void aMissingMemberNeedsRun() throws IOException {
    List<Path> disks = rig.members(BitmapKind.INTERNAL, "a", "b");

    Cli.Run refused = rig.run("assemble", "m", disks.get(0));
    assertThat(refused.code()).isNotZero();
    assertThat(refused.err()).contains("--run");

    assertThat(done("assemble", "m", disks.get(0), "--run").out()).contains("degraded");
  }

  @Test
  void aReadOnlyArrayIsNotWrittenAtAll() throws IOException {
    List<Path> disks = rig.members(BitmapKind.INTERNAL, "a", "b");
    byte[] before = Files.readAllBytes(disks.get(0));

    done("assemble", "m", disks.get(0), disks.get(1), "--readonly");
    assertThat(detail().get("readOnly").asBoolean()).isTrue();
    Cli.Run refused = rig.run("fail", "m", disks.get(0));
    assertThat(refused.code()).isEqualTo(1);
    assertThat(refused.err()).contains("read-only");
    done("stop", "m");

    assertThat(Files.readAllBytes(disks.get(0))).isEqualTo(before);
  }

  @Test
  void aClusteredArrayIsTakenOnlyWithForce() throws IOException {
    List<Path> disks = rig.members(BitmapKind.CLUSTERED, "a", "b");

    Cli.Run refused = rig.run("assemble", "m", disks.get(0), disks.get(1));
    assertThat(refused.code()).isEqualTo(4);
    assertThat(refused.err()).contains("--force");

    done("assemble", "m", disks.get(0), disks.get(1), "--force");
    assertThat(detail().get("bitmap").get("kind").asString()).isEqualTo("clustered");
  }

  @Test
  void disksOfAnArrayThatCannotBeAssembledAreClosedAgain() throws IOException {
    List<Path> one = rig.members(BitmapKind.INTERNAL, "a", "b");
    List<Path> two = rig.members(BitmapKind.INTERNAL, "c", "d");

    Cli.Run refused = rig.run("assemble", "m", one.get(0), two.get(0));
    assertThat(refused.code()).isEqualTo(1);
    assertThat(refused.err()).contains(two.get(0).toString());
    assertThat(rig.run("assemble", "m", one.get(0), directory.resolve("none")).code()).isEqualTo(1);

    done("assemble", "m", one.get(0), one.get(1));
    done("assemble", "n", two.get(0), two.get(1));
  }

  @Test
  void aMemberMayBeBehindNbd() throws IOException, InterruptedException {
    rig.mirror();

    try (NodeRig upper = NodeRig.start(Files.createDirectory(directory.resolve("upper")))) {
      List<Path> disks = upper.members(BitmapKind.INTERNAL, "x", "y");
      assertThat(upper.run("assemble", "u", disks.get(0), disks.get(1)).code()).isZero();
      assertThat(upper.run("grow", "u", "--size", "1M", "--force").code()).isZero();
      assertThat(upper.run("grow", "u", "--members", "3").code()).isZero();
      assertThat(upper.run("add", "u", rig.uri("m")).err()).isEmpty();
      Cli.Run wait = upper.run("wait", "u", "--for", "in-sync", "--json");
      assertThat(wait.json().get("members").get(2).get("path").asString()).isEqualTo(rig.uri("m"));
      assertThat(upper.run("fail", "u", rig.uri("m")).code()).isZero();
      assertThat(upper.run("remove", "u", rig.uri("m")).code()).isZero();
    }
  }

  @Test
  void clientsThatConnectAfterAGrowSeeTheNewSize() throws IOException {
    rig.mirror();
    done("grow", "m", "--size", "1M", "--force");
    assertThat(sizeForClients()).isEqualTo(1 << 20);

    done("grow", "m", "--size", "2M");

    assertThat(sizeForClients()).isEqualTo(2 << 20);
  }

  private long sizeForClients() throws IOException {
    try (NbdDevice client =
        NbdDevice.connect(NbdUri.parse(rig.uri("m")), NbdClientConfig.DEFAULT, Env.system())) {
      return client.sizeBytes();
    }
  }

  @Test
  void stoppingAnArrayEndsItsClientsAndNoOther() throws IOException {
    rig.mirror();
    try (NbdDevice client =
        NbdDevice.connect(
            NbdUri.parse(rig.uri("m")),
            NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
            Env.system())) {
      client.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);

      done("stop", "m");

      assertThatThrownBy(() -> client.write(0, ByteBuffer.allocate(4096), WriteOption.NONE))
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void monitorTellsWhatHappensAsItHappens() throws Exception {
    List<Path> disks = rig.mirror();
    List<NodeEvent> heard = new CopyOnWriteArrayList<>();
    NodeClient.Progress<NodeEvent> listener = heard::add;
    Thread monitor =
        Thread.ofVirtual()
            .start(() -> {
              try {
                new NodeClient(rig.socket())
                    .ask(new NodeRequest.Monitor(), NodeEvent.class, listener, JsonNode.class);
              } catch (IOException | InterruptedException e) {
                // the node has stopped
              }
            });
    Awaitility.await()
        .until(() -> {
          done("sync", "m", "--max", "max");
          done("fail", "m", disks.get(1));
          done("re-add", "m", disks.get(1));
          return !heard.isEmpty();
        });
    done("wait", "m", "--for", "in-sync");
    done("stop", "m");

    Awaitility.await().until(() -> names(heard).contains("array-stopped"));
    assertThat(names(heard)).contains("member-failed", "recovery-started", "member-in-sync");
    NodeEvent failed =
        heard.stream().filter(e -> e.event().equals("member-failed")).findFirst().orElseThrow();
    assertThat(failed.disk()).contains(disks.get(1).toString());
    assertThat(failed.toJson())
        .contains("\"array\":\"m\"", "\"event\":\"member-failed\"")
        .doesNotContain("action");
    rig.close();
    monitor.join();
  }

  @Test
  void monitorRunsACommandOnceForEachEventWhateverBecomesOfIt() throws Exception {
    List<Path> disks = rig.mirror();
    Path heard = directory.resolve("heard");
    Path script = directory.resolve("script");
    Files.writeString(
        script,
        """
        cat >> "$1.stdin"
        shift
        echo "$*|$MIRRORCTL_TIME|$MIRRORCTL_EVENT|$MIRRORCTL_ARRAY|$MIRRORCTL_DISK|$MIRRORCTL_ACTION\
        |$MIRRORCTL_MESSAGE|$MIRRORCTL_SOCKET" >> %s
        exit 7
        """
            .formatted(heard));
    var monitor =
        CompletableFuture.supplyAsync(
            () -> rig.run("monitor", "--json", "--exec", "sh %s %s".formatted(script, heard)));
    Awaitility.await()
        .until(() -> {
          done("fail", "m", disks.get(1));
          done("re-add", "m", disks.get(1));
          done("wait", "m");
          return Files.exists(heard);
        });
    done("check", "m");
    done("stop", "m");
    Awaitility.await().until(() -> Files.readString(heard).contains("array-stopped"));
    rig.close();
    Cli.Run ended = monitor.get();
    assertThat(ended.code()).isEqualTo(3);
    assertThat(ended.err()).contains("the node at " + rig.socket() + " has ended");

    List<JsonNode> events = ended.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(events).extracting(event -> event.get("event").asString()).contains("array-stopped");
    assertThat(Files.readAllLines(heard))
        .containsExactlyElementsOf(events.stream().map(this::asTheScriptSawIt).toList())
        .anySatisfy(line ->
            assertThat(line)
                .contains("|member-failed|m|" + disks.get(1) + "||failed: failed by the operator"));
    assertThat(Files.readAllLines(Path.of(heard + ".stdin")))
        .isEqualTo(ended.out().lines().toList());
    assertThat(ended.err().lines().filter(line -> line.contains("ended with status 7 for ")))
        .hasSameSizeAs(events);
  }

  private String asTheScriptSawIt(JsonNode event) {
    String disk = event.path("disk").asString("");
    String words = "%s %s %s".formatted(text(event, "event"), text(event, "array"), disk);
    return String.join(
        "|",
        words,
        text(event, "time"),
        text(event, "event"),
        text(event, "array"),
        disk,
        event.path("action").asString(""),
        text(event, "message"),
        rig.socket().toString());
  }

  private static String text(JsonNode event, String key) {
    return event.get(key).asString();
  }

  @Test
  void statusIsWatchedUntilTheNodeEnds() throws Exception {
    List<Path> disks = rig.mirror();
    var out = new StringWriter();
    var err = new StringWriter();
    var watch =
        CompletableFuture.supplyAsync(() ->
            Mirrorctl.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute("status", "--watch", "--socket", rig.socket().toString()));
    Awaitility.await().until(() -> out.toString().lines().count() >= 2);
    assertThat(out.toString().lines()).allSatisfy(line -> assertThat(line).contains("[2/2] [UU]"));

    done("fail", "m", disks.get(1));
    Awaitility.await().until(() -> out.toString().contains("[2/1] [U_]"));

    rig.close();
    assertThat(watch.get()).isEqualTo(3);
    assertThat(err.toString()).contains("no node answers at").hasLineCount(1);
  }

  private static List<String> names(List<NodeEvent> events) {
    return events.stream().map(NodeEvent::event).toList();
  }

  @Test
  void withoutANodeTheExitCodeIsThree() {
    Cli.Run run = Cli.run("status", "--socket", directory.resolve("nobody.sock"));

    assertThat(run.code()).isEqualTo(3);
    assertThat(run.err()).contains("no node answers at", "mirrorctl node").hasLineCount(1);
  }

  @Test
  void whatIsWrongIsSaidWithTheNameOfTheArray() throws IOException {
    List<Path> disks = rig.mirror();
    Path other = rig.file("other", NodeRig.DISK_BYTES);

    assertThat(rig.run("assemble", "x", disks.get(0)).err())
        .contains(disks.get(0) + " is in array m, which this node runs");
    done("assemble", "look", disks.get(0), disks.get(1), "--readonly");
    done("stop", "look");
    assertThat(rig.run("fail", "m", other).err()).startsWith("mirrorctl: m: " + other);
    assertThat(rig.run("assemble", "x", other).err()).startsWith("mirrorctl: x: " + other);
    Cli.Run smaller = rig.run("grow", "m", "--size", "1M");
    assertThat(smaller.code()).isEqualTo(4);
    assertThat(smaller.err()).startsWith("mirrorctl: m: ").contains("loses", "--force does it");
    assertThat(rig.run("grow", "m", "--size", "1T").err())
        .startsWith("mirrorctl: m: 2147483648 sectors do not fit");
    assertThat(rig.run("grow", "m", "--members", "9").code()).isEqualTo(2);
    done("stop", "m");
    assertThat(rig.run("assemble", "m", disks.get(0)).err())
        .startsWith("mirrorctl: m: 1 of 2 members are missing")
        .doesNotContain("m: m");
  }

  @Test
  void badNamesAreUsageErrors() {
    assertThat(rig.run("detail", "no/slash").code()).isEqualTo(2);
    assertThat(rig.run("assemble", "m").code()).isEqualTo(2);
    assertThat(rig.run("wait", "m", "--for", "godot").code()).isEqualTo(2);
    assertThat(rig.run("wait", "m", "--timeout", "soon").code()).isEqualTo(2);
  }
}
