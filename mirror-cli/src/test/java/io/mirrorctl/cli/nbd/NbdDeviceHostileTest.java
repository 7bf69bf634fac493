package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.WriteOption;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A server whose answers are damaged, cut off or late: every request ends, and all is well again.
 */
class NbdDeviceHostileTest extends FakeServerSetup {
  private static final int THREADS = 6;

  @Test
  void damagedAnswersEndInErrorsAndTheDeviceRecovers() throws Exception {
    torment(1, 25);
  }

  @Test
  @Tag("nightly")
  void thousandsOfDamagedAnswersEndInErrorsAndTheDeviceRecovers() throws Exception {
    torment(2, 2_000);
  }

  private void torment(int seed, int requestsEach) throws Exception {
    connect(
        NbdClientConfig.DEFAULT
            .withTimeouts(Duration.ofSeconds(5), Duration.ofMillis(60))
            .withRetryLimit(Duration.ofMillis(200)));
    Random random = new Random(seed);
    server.script =
        (request, out) -> {
          byte[] answer = out.honestly(server, request);
          synchronized (random) {
            if (random.nextInt(4) == 0) {
              answer = Mutation.of(answer, random);
            }
            if (random.nextInt(20) == 0) {
              out.raw(answer);
              server.dropConnections();
            }
          }
          out.raw(answer);
          return true;
        };
    List<Future<Set<IoFailure>>> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      var share = new Share(i, new Random(random.nextLong()), requestsEach);
      threads.add(background.submit(share));
    }
    Set<IoFailure> seen = EnumSet.noneOf(IoFailure.class);
    for (Future<Set<IoFailure>> thread : threads) {
      seen.addAll(thread.get(10L + requestsEach, TimeUnit.SECONDS));
    }
    assertThat(seen).as("that requests failed at all").isNotEmpty();
    server.script = (_, _) -> false;
    device.acknowledgeLoss();
    awaitRecovery();
    write(1, 7);
    device.flush();
    assertThat(read(1)).isEqualTo(7);
  }

  private void awaitRecovery() {
    Awaitility.await()
        .ignoreExceptions()
        .until(() -> {
          device.flush();
          return true;
        });
  }

  private final class Share implements Callable<Set<IoFailure>> {
    private final long base;
    private final Random random;
    private final int requests;

    private Share(int number, Random random, int requests) {
      this.base = (long) number << 20;
      this.random = random;
      this.requests = requests;
    }

    @Override
    public Set<IoFailure> call() throws Exception {
      Set<IoFailure> seen = EnumSet.noneOf(IoFailure.class);
      for (int i = 0; i < requests; i++) {
        int length = BLOCK * (1 + random.nextInt(random.nextInt(4) == 0 ? 100 : 4));
        long offset = base + (long) BLOCK * random.nextInt(1000);
        try {
          switch (random.nextInt(5)) {
            case 0 ->
                device.write(offset, ByteBuffer.allocateDirect(length), WriteOption.ONLY_DURABLE);
            case 1 -> device.write(offset, ByteBuffer.allocate(length), WriteOption.NONE);
            case 2 -> device.flush();
            case 3 ->
                assertThat(device.extents(offset, length))
                    .allMatch(e -> e.length() > 0 && e.length() <= length);
            default -> device.read(offset, ByteBuffer.allocateDirect(length));
          }
        } catch (DeviceException e) {
          seen.add(e.failure());
          if (e.failure() == IoFailure.VOLATILE_LOSS) {
            device.acknowledgeLoss();
          } else if (device.status().connection() != NbdStatus.Connection.CONNECTED) {
            Thread.sleep(30);
          }
        }
      }
      return seen;
    }
  }
}
