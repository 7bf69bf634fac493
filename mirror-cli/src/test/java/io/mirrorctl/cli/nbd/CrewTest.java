package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.Uninterruptibles;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class CrewTest {
  private final ExecutorService threads = Executors.newCachedThreadPool();

  @AfterEach
  void stop() {
    threads.shutdownNow();
  }

  /** Work comes from a queue; an entry of it runs. */
  private static final class Work implements Crew.Duty<Runnable> {
    /** Empty for the end. */
    final LinkedBlockingQueue<Optional<Runnable>> coming = new LinkedBlockingQueue<>();

    final AtomicInteger readers = new AtomicInteger();
    final AtomicInteger mostReaders = new AtomicInteger();
    final AtomicInteger overs = new AtomicInteger();
    volatile boolean expectMore;
    volatile Random chance;

    @Override
    public Runnable next() {
      mostReaders.accumulateAndGet(readers.incrementAndGet(), Math::max);
      Optional<Runnable> next = Uninterruptibles.takeUninterruptibly(coming);
      readers.decrementAndGet();
      return next.orElse(null);
    }

    void add(Runnable piece) {
      coming.add(Optional.of(piece));
    }

    @Override
    public boolean expectMore() {
      return chance == null ? expectMore : chance.nextBoolean();
    }

    @Override
    public void execute(Runnable work) {
      work.run();
    }

    @Override
    public void over() {
      overs.incrementAndGet();
    }
  }

  private Crew<Runnable> start(Work work, Executor executor, int limit, Quota extras) {
    var crew = new Crew<>(work, "crew", executor, limit, extras);
    threads.execute(crew::lead);
    return crew;
  }

  private static void end(Crew<Runnable> crew, Work work) {
    crew.dismiss(false);
    work.coming.add(Optional.empty());
    await().until(() -> work.overs.get() == 1);
  }

  @Test
  void withoutMoreToExpectOneThreadDoesEverything() {
    var work = new Work();
    Quota extras = new Quota(10);
    Crew<Runnable> crew = start(work, threads, 10, extras);
    Set<Thread> seen = ConcurrentHashMap.newKeySet();
    for (int i = 0; i < 1000; i++) {
      var done = new CountDownLatch(1);
      work.add(() -> {
        seen.add(Thread.currentThread());
        done.countDown();
      });
      Uninterruptibles.awaitUninterruptibly(done);
    }
    assertThat(seen).hasSize(1);
    assertThat(extras.used()).isZero();
    end(crew, work);
  }

  @Test
  void aThreadThatIsHeldUpGetsHelpWhenItIsLookedAfter() {
    var work = new Work();
    Crew<Runnable> crew = start(work, threads, 10, new Quota(10));
    var gate = new CountDownLatch(1);
    var passed = new CountDownLatch(1);
    work.add(() -> Uninterruptibles.awaitUninterruptibly(gate));
    work.add(passed::countDown);
    await()
        .pollInterval(5, TimeUnit.MILLISECONDS)
        .until(() -> {
          crew.callIfStuck();
          return passed.getCount() == 0;
        });
    gate.countDown();
    end(crew, work);
  }

  @Test
  void asManyRunAtOnceAsTheLimitAllowsAndNoMore() {
    var work = new Work();
    work.expectMore = true;
    Quota extras = new Quota(100);
    Crew<Runnable> crew = start(work, threads, 5, extras);
    var gate = new CountDownLatch(1);
    var running = new AtomicInteger();
    for (int i = 0; i < 20; i++) {
      work.add(() -> {
        running.incrementAndGet();
        Uninterruptibles.awaitUninterruptibly(gate);
      });
    }
    await().until(() -> running.get() == 5);
    crew.callIfStuck();
    crew.callIfStuck();
    assertThat(extras.used()).isEqualTo(4);
    assertThat(work.coming).hasSize(15);
    gate.countDown();
    await().until(work.coming::isEmpty);
    end(crew, work);
    assertThat(extras.used()).isZero();
  }

  @Test
  void withoutFurtherThreadsTheFirstOneGoesOnAlone() {
    var work = new Work();
    work.expectMore = true;
    Quota extras = new Quota(100);
    Crew<Runnable> crew =
        start(
            work,
            _ -> {
              throw new RejectedExecutionException();
            },
            5,
            extras);
    var done = new CountDownLatch(100);
    for (int i = 0; i < 100; i++) {
      work.add(done::countDown);
    }
    Uninterruptibles.awaitUninterruptibly(done);
    assertThat(extras.used()).isZero();
    end(crew, work);
  }

  @Test
  void interruptsReachThoseAtWorkAndNobodyLater() throws Exception {
    var work = new Work();
    work.expectMore = true;
    var leftInterrupted = new AtomicInteger();
    Crew<Runnable> crew =
        start(
            work,
            task ->
                threads.execute(() -> {
                  task.run();
                  if (Thread.interrupted()) {
                    leftInterrupted.incrementAndGet();
                  }
                }),
            5,
            new Quota(10));
    var interrupted = new AtomicBoolean();
    var started = new CountDownLatch(1);
    work.add(() -> {
      started.countDown();
      try {
        new CountDownLatch(1).await();
      } catch (InterruptedException e) {
        interrupted.set(true);
      }
    });
    started.await();
    await().until(() -> work.readers.get() == 1);
    crew.dismiss(true);
    work.coming.add(Optional.empty());
    await().until(() -> work.overs.get() == 1);
    assertThat(interrupted).isTrue();
    assertThat(leftInterrupted).hasValue(0);
  }

  @Test
  void everyPieceOfWorkIsDoneOnceHoweverThreadsComeAndGo() {
    var work = new Work();
    work.chance = new Random(1);
    Quota extras = new Quota(6);
    Crew<Runnable> crew = start(work, threads, 8, extras);
    int pieces = 20_000;
    var done = new AtomicInteger();
    var meeting = new LinkedBlockingQueue<Integer>(2);
    for (int i = 0; i < pieces; i++) {
      int number = i;
      work.add(() -> {
        // now and then a piece waits for the one behind it
        if (number % 100 == 0) {
          var _ = Uninterruptibles.takeUninterruptibly(meeting);
        } else if (number % 100 == 1) {
          Uninterruptibles.putUninterruptibly(meeting, number);
        }
        done.incrementAndGet();
      });
    }
    await()
        .pollInterval(1, TimeUnit.MILLISECONDS)
        .atMost(50, TimeUnit.SECONDS)
        .until(() -> {
          crew.callIfStuck();
          return done.get() == pieces;
        });
    assertThat(work.mostReaders.get()).isEqualTo(1);
    end(crew, work);
    assertThat(done.get()).isEqualTo(pieces);
    assertThat(extras.used()).isZero();
    assertThat(work.overs.get()).isEqualTo(1);
  }
}
