package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.dlm.lock.BlockingCallback;
import io.mirrorctl.dlm.lock.Grant;
import io.mirrorctl.dlm.lock.Lock;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockOutcome;
import io.mirrorctl.dlm.lock.LockRequest;
import io.mirrorctl.dlm.lock.ValueBlock;
import io.mirrorctl.dlm.store.Bytes;
import java.io.InterruptedIOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The order of things that a real lock manager shows only now and then. */
class CoherentRangeTest {
  /** What was asked of the lock manager and is not answered yet. */
  private record Asked(
      LockMode mode, BlockingCallback owner, CompletableFuture<LockOutcome> answer) {
    void grant() {
      answer.complete(
          mode == LockMode.NL
              ? new LockOutcome.Released()
              : new LockOutcome.Granted(new Grant(mode, ValueBlock.ZERO, 0, 0, Map.of())));
    }
  }

  private final BlockingQueue<Asked> asked = new LinkedBlockingQueue<>();
  private final CoherentRange range = new CoherentRange(PlannedLock::new);

  private final class PlannedLock implements Lock {
    private final BlockingCallback blocking;

    private PlannedLock(BlockingCallback blocking) {
      this.blocking = blocking;
    }

    private CompletableFuture<LockOutcome> ask(LockMode mode) {
      var answer = new CompletableFuture<LockOutcome>();
      asked.add(new Asked(mode, blocking, answer));
      return answer;
    }

    @Override
    public CompletableFuture<LockOutcome> convert(LockRequest request) {
      return ask(request.mode());
    }

    @Override
    public CompletableFuture<LockOutcome> unlock() {
      return ask(LockMode.NL);
    }

    @Override
    public String resource() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Optional<LockMode> granted() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void convert(LockRequest request, Consumer<LockOutcome> done) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void cancel() {
      throw new UnsupportedOperationException();
    }

    @Override
    public CompletableFuture<ValueBlock> read() {
      throw new UnsupportedOperationException();
    }

    @Override
    public CompletableFuture<LockOutcome> unlock(Bytes value) {
      throw new UnsupportedOperationException();
    }
  }

  /** A client that goes in and stays until told to go. */
  private final class Client {
    private final CompletableFuture<Throwable> outcome = new CompletableFuture<>();
    private final Thread thread;

    Client(LockMode mode) {
      thread =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  range.enter(mode);
                  outcome.complete(null);
                } catch (Exception e) {
                  outcome.complete(e);
                }
              });
    }

    boolean isIn() {
      return outcome.isDone() && outcome.join() == null;
    }

    Client awaitIn() {
      await().until(this::isIn);
      return this;
    }

    Client awaitWaiting() {
      await().until(() -> thread.getState() == Thread.State.WAITING);
      return this;
    }
  }

  private Asked next(LockMode mode) throws InterruptedException {
    Asked next = asked.poll(20, TimeUnit.SECONDS);
    assertThat(next).as("a request for %s", mode).isNotNull();
    assertThat(next.mode()).isEqualTo(mode);
    return next;
  }

  @Test
  void whoComesWhileTheLockIsBeingGivenUpWaitsUntilItIsHadAgain() throws Exception {
    Client first = new Client(LockMode.PR);
    next(LockMode.PR).grant();
    first.awaitIn();
    range.exit();
    Client writer = new Client(LockMode.PW).awaitWaiting();
    Asked release = next(LockMode.NL);
    writer.thread.interrupt();
    assertThat(writer.outcome.get(20, TimeUnit.SECONDS)).isInstanceOf(InterruptedIOException.class);

    Client reader = new Client(LockMode.PR).awaitWaiting();
    release.grant();
    assertThat(reader.isIn()).isFalse();
    next(LockMode.PR).grant();
    reader.awaitIn();
  }

  @Test
  void whoWaitedGetsInBeforeTheLockIsGivenAwayAndWhoComesLaterDoesNot() throws Exception {
    Client first = new Client(LockMode.PW).awaitWaiting();
    Asked grant = next(LockMode.PW);
    grant.owner().blocking(LockMode.PW); // another node queues behind
    grant.grant();
    first.awaitIn();
    Client second = new Client(LockMode.PW).awaitWaiting();
    assertThat(asked).isEmpty();
    range.exit();
    next(LockMode.NL).grant();
    Asked again = next(LockMode.PW);
    assertThat(again.owner()).as("of a new lock").isNotNull();
    assertThat(second.isIn()).isFalse();
    again.grant();
    second.awaitIn();
  }

  @Test
  void aWriterBecomesAReaderWhenAnotherNodeWantsToRead() throws Exception {
    Client writer = new Client(LockMode.PW);
    Asked grant = next(LockMode.PW);
    grant.grant();
    writer.awaitIn();
    grant.owner().blocking(LockMode.PR);
    assertThat(asked).isEmpty();
    range.exit();
    next(LockMode.PR).grant();
    new Client(LockMode.PR).awaitIn();
  }

  @Test
  void aRangeThatHasEndedIsStillGivenAway() throws Exception {
    Client writer = new Client(LockMode.PW);
    Asked grant = next(LockMode.PW);
    grant.grant();
    writer.awaitIn();
    range.end("the array is stopped");
    grant.owner().blocking(LockMode.PW);
    assertThat(asked).isEmpty();
    range.exit();
    next(LockMode.NL).grant();
    assertThat(new Client(LockMode.PR).outcome.get(20, TimeUnit.SECONDS))
        .isInstanceOf(DeviceException.class)
        .hasMessageContaining("stopped");
    assertThat(asked).isEmpty();
  }

  @Test
  void whoWaitsHearsThatTheLockCannotBeHad() throws Exception {
    Client writer = new Client(LockMode.PW);
    next(LockMode.PW).answer().complete(new LockOutcome.Halted("the session is over"));
    assertThat(writer.outcome.get(20, TimeUnit.SECONDS))
        .hasMessageContaining("the session is over");
  }
}
