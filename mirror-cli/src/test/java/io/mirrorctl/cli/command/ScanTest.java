package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.Node;
import io.mirrorctl.cli.daemon.NodeConfig;
import io.mirrorctl.cli.daemon.ScanConfig;
import io.mirrorctl.cli.daemon.WantedArray;
import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.MdUuid;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class ScanTest {
  @TempDir Path directory;
  private Node node;

  @AfterEach
  void stop() throws IOException {
    if (node != null) {
      node.close();
    }
  }

  private void start(WantedArray... wanted) throws IOException, InterruptedException {
    start(List.of(directory + "/*.img"), wanted);
  }

  private void start(List<String> disks, WantedArray... wanted)
      throws IOException, InterruptedException {
    node =
        Node.start(
            new NodeConfig(
                "n1",
                directory.resolve("node.sock"),
                List.of(),
                NbdTls.OFF,
                NbdClientTls.DEFAULT,
                Optional.empty(),
                List.of(),
                new ScanConfig(disks, List.of(wanted))),
            Env.system());
  }

  private Cli.Run run(Object... arguments) {
    Object[] all = java.util.Arrays.copyOf(arguments, arguments.length + 2);
    all[arguments.length] = "--socket";
    all[arguments.length + 1] = node.socket();
    return Cli.run(all);
  }

  private Path disk(String name) throws IOException {
    return Images.sparse(directory.resolve(name), 8 << 20);
  }

  /** Makes an array of two disks, NAME-0.img and NAME-1.img; returns its UUID. */
  private UUID create(String name, Object... options) throws IOException {
    Object[] all = new Object[options.length + 5];
    all[0] = "create";
    all[1] = name;
    all[2] = disk(name + "-0.img");
    all[3] = disk(name + "-1.img");
    all[4] = "--json";
    System.arraycopy(options, 0, all, 5, options.length);
    Cli.Run run = Cli.run(all);
    assertThat(run.code()).as(run.err()).isZero();
    return MdUuid.parse(run.json().get("uuid").asString());
  }

  private static WantedArray wanted(String name, UUID uuid) {
    return new WantedArray(name, List.of(), Optional.of(uuid), false, false, false);
  }

  private JsonNode array(Cli.Run scan, String name) {
    return scan.json()
        .get("arrays")
        .valueStream()
        .filter(array -> array.get("name").asString().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private List<String> running() {
    return run("status", "--json")
        .json()
        .get("arrays")
        .valueStream()
        .filter(array -> !array.get("state").asString().equals("waiting"))
        .map(array -> array.get("name").asString())
        .toList();
  }

  @Test
  void withoutNamesEveryCompleteArrayOfThisHostIsAssembled() throws Exception {
    create("a");
    create("b");
    create("lost");
    Files.delete(directory.resolve("lost-1.img"));
    start();

    Cli.Run scan = run("assemble", "--scan", "--json");

    assertThat(scan.code()).as("one was left out").isEqualTo(1);
    assertThat(running()).containsExactly("a", "b");
    assertThat(scan.json().get("disks").asInt()).isEqualTo(5);
    assertThat(array(scan, "a").get("outcome").asString()).isEqualTo("assembled");
    assertThat(array(scan, "lost").get("outcome").asString()).isEqualTo("failed");
    assertThat(array(scan, "lost").get("reason").asString()).contains("1 of 2 members are missing");
    assertThat(run("assemble", "--scan").out()).contains("a: in use already\n", "lost: left out: ");
  }

  @Test
  void whatIsForOthersIsLeftToThem() throws Exception {
    create("mine");
    create("shared", "--cluster", "lab");
    start();

    Cli.Run scan = run("assemble", "--scan", "--json");

    assertThat(scan.code()).as(scan.out()).isZero();
    assertThat(running()).containsExactly("mine");
    assertThat(array(scan, "shared").get("outcome").asString()).isEqualTo("foreign");
    assertThat(array(scan, "shared").get("reason").asString())
        .contains("nodes of cluster lab", "belongs to none");
  }

  @Test
  void configuredArraysAreInUseWhenTheNodeServes() throws Exception {
    UUID uuid = create("a");
    create("other");
    var byDisks =
        new WantedArray(
            "named",
            List.of(
                directory.resolve("other-0.img").toString(),
                directory.resolve("other-1.img").toString()),
            Optional.empty(),
            false,
            false,
            false);

    start(wanted("vol", uuid), byDisks);

    assertThat(running()).containsExactly("named", "vol");
    Cli.Run scan = run("assemble", "--scan", "--json");
    assertThat(scan.code()).isZero();
    assertThat(array(scan, "vol").get("outcome").asString()).isEqualTo("running");
    assertThat(array(scan, "vol").get("uuid").asString()).isEqualTo(MdUuid.format(uuid));
  }

  @Test
  void anArrayWhoseDisksComeLateIsTakenThen() throws Exception {
    UUID uuid = create("a");
    UUID here = create("b");
    Files.move(directory.resolve("a-1.img"), directory.resolve("a-1.away"));

    start(wanted("vol", uuid), wanted("b", here));

    assertThat(running()).containsExactly("b");
    assertThat(run("status").out()).contains("vol : waiting, see mirrorctl detail vol\n");
    assertThat(run("detail", "vol").err())
        .contains("vol is not in use yet", "stop vol", "1 of 2 members are missing");
    Files.move(directory.resolve("a-1.away"), directory.resolve("a-1.img"));
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(() -> assertThat(running()).containsExactly("b", "vol"));
    assertThat(run("detail", "vol").code()).isZero();
  }

  @Test
  void aWaitingArrayThatSomebodyAssemblesIsOneLikeAnyOther() throws Exception {
    UUID uuid = create("a");
    Path away = Files.move(directory.resolve("a-1.img"), directory.resolve("a-1.away"));
    start(wanted("vol", uuid));

    assertThat(run("assemble", "vol", directory.resolve("a-0.img"), away).code()).isZero();
    assertThat(run("detail", "vol").code()).isZero();
    assertThat(run("stop", "vol").code()).isZero();

    assertThat(run("status").out()).isEqualTo("no arrays\n");
    assertThat(Cli.run("examine", away, "--json").json().get("state").asString())
        .isEqualTo("clean");
  }

  @Test
  void stopEndsTheWaiting() throws Exception {
    UUID uuid = create("a");
    Files.move(directory.resolve("a-1.img"), directory.resolve("a-1.away"));
    start(wanted("vol", uuid));

    assertThat(run("stop", "vol").code()).isZero();

    assertThat(run("status").out()).isEqualTo("no arrays\n");
    assertThat(run("detail", "vol").err()).contains("no array vol");
  }

  @Test
  void twoCopiesOfAMemberAreNotGuessedAbout() throws Exception {
    UUID uuid = create("a");
    Files.copy(directory.resolve("a-0.img"), directory.resolve("a-copy.img"));
    start(wanted("vol", uuid));

    Cli.Run scan = run("assemble", "--scan", "--json");

    assertThat(scan.code()).isEqualTo(1);
    assertThat(array(scan, "vol").get("reason").asString()).contains("copies of one member");
  }

  @Test
  void aScanOfANodeThatIsToldNothingSaysWhatToDo() throws Exception {
    start(List.of());

    Cli.Run scan = run("assemble", "--scan");

    assertThat(scan.code()).isEqualTo(1);
    assertThat(scan.err()).contains("n1 is not told where to look", "--config");
    assertThat(run("assemble", "--scan", "--run").code()).isEqualTo(2);
    assertThat(run("assemble", "vol").err()).contains("Missing required parameter");
  }
}
