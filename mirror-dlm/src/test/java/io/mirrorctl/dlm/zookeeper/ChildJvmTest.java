package io.mirrorctl.dlm.zookeeper;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChildJvmTest {
  /** Tells its pid, or that of a child of its own that stands still, and waits. */
  static final class Waiting {
    private Waiting() {}

    public static void main(String[] arguments) throws Exception {
      if (arguments.length == 0) {
        System.out.println(ProcessHandle.current().pid());
      } else {
        ChildJvm child = ChildJvm.start(Waiting.class, List.of("-Xmx32m"));
        String pid = child.output().readLine();
        child.pause();
        System.out.println(pid);
      }
      Thread.sleep(Duration.ofMinutes(5));
    }
  }

  @Test
  void aStoppedChildDiesWithItsKilledParent() throws Exception {
    try (var parent = ChildJvm.start(Waiting.class, List.of("-Xmx32m"), "with child")) {
      long pid = Long.parseLong(parent.output().readLine());
      ProcessHandle child = ProcessHandle.of(pid).orElseThrow();
      assertThat(child.isAlive()).isTrue();
      parent.kill();
      await().atMost(Duration.ofSeconds(30)).until(() -> !child.isAlive());
    }
  }
}
