package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.it.NodeProcess.Ready;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeProcessIT {
  @TempDir Path directory;

  @Test
  void aNodeServesOnceItsReadyLineIsThere() {
    try (var node = fake("n1")) {
      assertThat(node.isAlive()).isTrue();
      assertThat(node.ready().name()).isEqualTo("n1");
      assertThat(node.ready().socket()).isEqualTo(Path.of("/run/n.sock"));
      assertThat(node.ready().nbd()).containsExactly("127.0.0.1:1", "unix:/run/e");
      assertThat(node.log()).contains("log line of n1");
    }
  }

  @Test
  void aNodeThatEndsBeforeItIsReadyFailsTheTestWithItsLog() {
    assertThatThrownBy(() -> fake("refuse"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContainingAll("ended with status 4", "log line of refuse");
  }

  @Test
  void aKilledNodeIsGoneAtOnceAndCanBeStartedAgain() {
    try (var node = fake("n1")) {
      node.kill();
      assertThat(node.isAlive()).isFalse();
      assertThat(node.log()).doesNotContain("drained");

      node.restart();

      assertThat(node.isAlive()).isTrue();
      assertThat(node.log().lines().filter(line -> line.startsWith("ready "))).hasSize(2);
    }
  }

  @Test
  void aTerminatedNodeHasDrained() {
    try (var node = fake("n1")) {
      assertThat(node.terminate()).isEqualTo(128 + 15);
      assertThat(node.log()).contains("drained");
    }
  }

  @Test
  void aPausedNodeStandsStillUntilItIsResumed() {
    try (var node = fake("n1")) {
      node.pause();
      Awaitility.await().until(() -> state(node).equals("T"));

      node.resume();
      Awaitility.await().until(() -> !state(node).equals("T"));
    }
  }

  @Test
  void aPausedNodeCanBeClosed() {
    var node = fake("n1");
    node.pause();

    node.close();

    assertThat(node.isAlive()).isFalse();
  }

  @Test
  void aReadyLineGivesUris() {
    var ready = Ready.parse("ready name=a socket=/s nbd=[::1]:10809 zookeeper=127.0.0.1:2181");

    assertThat(ready.uri("vol0")).isEqualTo("nbd://[::1]:10809/vol0");
    assertThat(ready.fields()).containsEntry("zookeeper", "127.0.0.1:2181");
    assertThat(Ready.parse("ready name=a socket=/s nbd=unix:/run/e").uri("vol0"))
        .isEqualTo("nbd+unix:///vol0?socket=/run/e");
  }

  @Test
  void aReadyLineWithoutItsKeysIsRefused() {
    assertThatThrownBy(() -> Ready.parse("ready name=a socket=/s"))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no nbd");
  }

  private NodeProcess fake(String name) {
    var command = new ArrayList<>(NodeProcess.java(FakeNode.class.getName()));
    command.add(name);
    return NodeProcess.ofCommand(directory.resolve("node.log"), command);
  }

  private static String state(NodeProcess node) throws IOException {
    String stat = Files.readString(Path.of("/proc", Long.toString(node.pid()), "stat"));
    return stat.substring(stat.lastIndexOf(')') + 2).substring(0, 1);
  }
}
