package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.cli.daemon.Waiter;
import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A node that stands still while another changes the array, and a third party asks why. */
class WhyIT {
  private static final Duration SESSION = Duration.ofSeconds(9);
  private static final Duration SOON = Duration.ofSeconds(30);

  @TempDir Path directory;

  private static List<Waiter> why(SharedNodes nodes) throws IOException, InterruptedException {
    return List.of(nodes.ask(0, new NodeRequest.Why(Optional.empty()), Waiter[].class));
  }

  /** A waiter and all behind it. */
  private static Stream<Waiter> chain(Waiter waiter) {
    return Stream.concat(Stream.of(waiter), waiter.because().stream().flatMap(WhyIT::chain));
  }

  private static Optional<Waiter> whoBegins(List<Waiter> waiters, String who) {
    return waiters.stream().filter(waiter -> waiter.who().startsWith(who)).findFirst();
  }

  private static boolean leadsTo(Optional<Waiter> waiter, String what) {
    return waiter.stream().flatMap(WhyIT::chain).anyMatch(one -> one.what().equals(what));
  }

  private static <T> FutureTask<T> begin(Callable<T> work) {
    var task = new FutureTask<>(work);
    Thread.ofPlatform().daemon().start(task);
    return task;
  }

  @Test
  void whoWaitsForANodeThatStandsStillIsToldItsName() throws Exception {
    List<Path> disks =
        MemberFiles.createShared(32 << 20, directory.resolve("a"), directory.resolve("b"));
    try (SharedNodes nodes = SharedNodes.start(directory, disks, SESSION, 2);
        NbdDevice client =
            NbdDevice.connect(
                NbdUri.parse(nodes.uri(0)),
                NbdClientConfig.DEFAULT.withRetryLimit(Duration.ZERO),
                Env.system())) {
      nodes.awaitAll();
      Awaitility.await().atMost(SOON).ignoreExceptions().until(() -> why(nodes).isEmpty());

      nodes.node(1).pause();
      FutureTask<Object> command =
          begin(() -> {
            nodes.change(0, new NodeRequest.Fail("m", disks.get(1).toString()));
            return null;
          });
      String answer = "the answer of n2 to a message";
      Awaitility.await()
          .atMost(SOON)
          .ignoreExceptions()
          .until(() -> leadsTo(whoBegins(why(nodes), "the command fail m"), answer));
      FutureTask<Object> write =
          begin(() -> {
            client.write(0, ByteBuffer.allocate(4096), WriteOption.NONE);
            return null;
          });

      Awaitility.await()
          .atMost(SOON)
          .ignoreExceptions()
          .untilAsserted(() -> {
            List<Waiter> waiters = why(nodes);
            Optional<Waiter> request = whoBegins(waiters, "a request of a client");
            assertThat(leadsTo(request, "the end of a change of the members")).isTrue();
            assertThat(request.stream().flatMap(WhyIT::chain).toList())
                .anySatisfy(one -> {
                  assertThat(one.what()).isEqualTo(answer);
                  assertThat(one.by()).contains("n2");
                  assertThat(one.millis().orElseThrow()).isPositive();
                })
                .anySatisfy(
                    one -> assertThat(one.advice().orElse("")).contains("mirrorctl eject n2"));
          });
      nodes.node(1).resume();

      assertThat(write.get(SOON.toSeconds(), TimeUnit.SECONDS)).isNull();
      assertThat(command.get(SOON.toSeconds(), TimeUnit.SECONDS)).isNull();
      Awaitility.await().atMost(SOON).ignoreExceptions().until(() -> why(nodes).isEmpty());
    }
  }
}
