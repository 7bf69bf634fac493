package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.daemon.WantedArray;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine.Model.CommandSpec;

class NodeFileTest {
  @TempDir Path directory;

  private static CommandSpec node() {
    return Mirrorctl.commandLine().getSubcommands().get("node").getCommandSpec();
  }

  private Path write(String text) throws IOException {
    return Files.writeString(directory.resolve("node.yaml"), text);
  }

  private NodeFile read(String text) throws IOException {
    return NodeFile.read(write(text), node());
  }

  private Cli.Run run(String text, Object... more) throws IOException {
    Object[] all = new Object[more.length + 3];
    all[0] = "node";
    all[1] = "--config";
    all[2] = write(text);
    System.arraycopy(more, 0, all, 3, more.length);
    return Cli.run(all);
  }

  @Test
  void everyKeyIsTheOptionOfThatName() throws IOException {
    NodeFile file =
        read(
            """
            # a node of the lab
            cluster: lab
            name: n1
            zookeeper: 10.0.0.1:2181,10.0.0.2:2181
            node-number: 3
            nbd:
              - 127.0.0.1:10809
              - unix:/run/mirrorctl/nbd.sock
            tls-client-certs: true
            session-timeout: 8s
            fence: exec:/usr/local/sbin/fence "$MIRRORCTL_NODE"
            """);

    assertThat(file.argumentsBeside(_ -> false))
        .containsExactly(
            "--cluster=lab",
            "--name=n1",
            "--zookeeper=10.0.0.1:2181,10.0.0.2:2181",
            "--node-number=3",
            "--nbd=127.0.0.1:10809",
            "--nbd=unix:/run/mirrorctl/nbd.sock",
            "--tls-client-certs",
            "--session-timeout=8s",
            "--fence=exec:/usr/local/sbin/fence \"$MIRRORCTL_NODE\"");
  }

  @Test
  void aSwitchThatIsOffAndAValueThatMayBeLeftOutAreUnderstood() throws IOException {
    assertThat(read("tls-client-certs: false").argumentsBeside(_ -> false)).isEmpty();
    assertThat(read("embedded-zookeeper: true").argumentsBeside(_ -> false))
        .containsExactly("--embedded-zookeeper");
    assertThat(read("embedded-zookeeper: /var/zk").argumentsBeside(_ -> false))
        .containsExactly("--embedded-zookeeper=/var/zk");
  }

  @Test
  void whatIsTypedWinsOverTheFile() throws IOException {
    NodeFile file = read("name: n1\nnbd: [\"h:1\", \"h:2\"]\nzookeeper: h:1\n");

    assertThat(file.argumentsBeside(Set.of("--nbd")::contains))
        .containsExactly("--name=n1", "--zookeeper=h:1");
    assertThat(file.argumentsBeside(Set.of("--embedded-zookeeper")::contains))
        .as("of the ways to ZooKeeper there is only one")
        .containsExactly("--name=n1", "--nbd=h:1", "--nbd=h:2");
  }

  @Test
  void disksAndArraysAreRead() throws IOException {
    NodeFile file =
        read(
            """
            disks:
              - /dev/disk/by-id/*
              - nbd://10.0.0.7/b
            arrays:
              - name: vol
                uuid: 447f425b:21f8c7b7:7413fd5d:9af5dfdb
                run: true
              - name: other
                disks: [/srv/a.img, "nbd://h/x"]
                readonly: true
                coherent: false
            """);

    assertThat(file.settings()).isEmpty();
    assertThat(file.scan().disks()).containsExactly("/dev/disk/by-id/*", "nbd://10.0.0.7/b");
    assertThat(file.scan().arrays())
        .containsExactly(
            new WantedArray(
                "vol",
                List.of(),
                Optional.of(UUID.fromString("447f425b-21f8-c7b7-7413-fd5d9af5dfdb")),
                true,
                false,
                false),
            new WantedArray(
                "other", List.of("/srv/a.img", "nbd://h/x"), Optional.empty(), false, true, false));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          name: n1\\nnmae: n2                              | line 2: nmae: is not known here; known are arrays, cluster,
          name: n1\\n\\nname: n2                           | line 3: name: is there a second time
          name: [n1, n2]                                   | line 1: name: is a list, expected is a value
          name:                                            | line 1: name: is empty, expected is a value
          nbd: {a: 1}                                      | line 1: nbd: is a set of keys, expected is a value, or a list
          nbd: [[a]]                                       | line 1: nbd: its items are single values
          tls-client-certs: yes                            | line 1: tls-client-certs: is yes, expected is true or false
          force: true                                      | line 1: force: is not known here
          config: x                                        | line 1: config: is not known here
          json: true                                       | line 1: json: is not known here
          - n1                                             | line 1: lines of the form KEY: VALUE
          a: [                                             | is not YAML
          name: *x                                         | line 1:
          name: n1\\n---\\nname: n2                        | a second document begins here
          disks: a.img                                     | line 1: disks: "a.img" is neither an absolute path nor
          disks: {}                                        | line 1: disks: is a set of keys, expected is a list of disks
          arrays: vol                                      | line 1: arrays: is a single value, expected is a list
          arrays: [vol]                                    | line 1: arrays: has a single value as an item
          arrays: [{disks: /a}]                            | line 1: arrays: an array has no name
          arrays: [{name: v}]                              | line 1: arrays: array v needs either disks
          arrays: [{name: v, nodes: 3}]                    | line 1: arrays.nodes: is not known; known are name,
          arrays: [{name: v, disks: b.img}]                | line 1: arrays.disks: "b.img" is neither an absolute
          arrays: [{name: v, uuid: 12}]                    | line 1: arrays.uuid: "12" is no UUID
          arrays: [{name: a/b, disks: /a}]                 | line 1: arrays.name: "a/b" cannot be an array's name
          arrays: [{name: v, disks: /a, run: maybe}]       | line 1: arrays.run: is maybe, expected is true or false
          arrays:\\n- {name: v, disks: /a}\\n- {name: v, disks: /b} | line 3: arrays.name: v is the name of another array, in line 2
          """)
  void whatIsWrongIsNamedWithFileLineAndKey(String text, String message) throws IOException {
    String lines = text.replace("\\n", "\n");

    assertThatThrownBy(() -> read(lines))
        .isInstanceOfSatisfying(
            CommandException.class, e -> assertThat(e.code()).isEqualTo(ExitCode.USAGE))
        .hasMessageStartingWith(directory.resolve("node.yaml").toString())
        .hasMessageContaining(message);
  }

  @Test
  void twoArraysCannotBeTheSame() {
    assertThatThrownBy(() ->
            read(
                """
                arrays:
                  - name: a
                    uuid: 447f425b:21f8c7b7:7413fd5d:9af5dfdb
                  - name: b
                    uuid: 447f425b-21f8-c7b7-7413-fd5d9af5dfdb
                """))
        .hasMessageContaining("line 5: arrays.uuid: is that of a, in line 2");
  }

  @Test
  void aValueThatAnOptionRefusesIsBlamedOnItsLine() throws IOException {
    Cli.Run time = run("name: n1\ncluster: c\nzookeeper: h:1\n\nsession-timeout: soon\n");
    Cli.Run number = run("name: n1\ncluster: c\nzookeeper: h:1\nnode-number: three\n");
    Cli.Run typed = run("name: n1\ncluster: c\nzookeeper: h:1", "--session-timeout", "soon");

    assertThat(time.code()).isEqualTo(2);
    assertThat(time.err())
        .contains(
            "--session-timeout takes a time", "not soon (" + directory + "/node.yaml line 5)");
    assertThat(number.code()).isEqualTo(2);
    assertThat(number.err()).contains("--node-number", "three", "node.yaml line 4)");
    assertThat(typed.err()).contains("--session-timeout takes a time").doesNotContain("node.yaml");
  }

  @Test
  void aNameIsNeededFromOneOrTheOther() throws IOException {
    assertThat(run("nbd: 127.0.0.1:0").err()).contains("Missing required option: '--name=NAME'");
    assertThat(Cli.run("node").err()).contains("Missing required option: '--name=NAME'");
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    Cli.Run run = Cli.run("node", "--config", directory.resolve("gone.yaml"));

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err()).contains("gone.yaml: no such file or directory; check --config");
  }

  @Test
  void anEmptyFileSaysNothing() throws IOException {
    assertThat(read("").settings()).isEmpty();
    assertThat(read("# nothing yet\n").settings()).isEmpty();
  }
}
