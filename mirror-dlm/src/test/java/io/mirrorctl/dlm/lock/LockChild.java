package io.mirrorctl.dlm.lock;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.History.Event;
import io.mirrorctl.dlm.lock.History.What;
import io.mirrorctl.dlm.member.Heartbeat;
import io.mirrorctl.dlm.member.HoldCause;
import io.mirrorctl.dlm.member.JoinResult;
import io.mirrorctl.dlm.member.MemberPorts;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.MembershipListener;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * A process with a few real nodes that take locks at random until a set time, then take every lock
 * once more. Writes its history to standard output, line by line; whenever an incarnation of a node
 * has ended, another one joins.
 */
public final class LockChild {
  static final String DONE = "done";

  private static final Duration JOIN_TIME = Duration.ofMinutes(2);
  private static final Duration LATE = Duration.ofSeconds(30);
  private static final Duration LEASE_NOTE = Duration.ofMillis(50);
  private static final LockspaceSettings SETTINGS =
      new LockspaceSettings(16, Map.of("test", "real nodes"));

  private LockChild() {}

  /** Connect string, end of the random part by the monotonic clock, seed, node numbers. */
  public static void main(String[] arguments) throws InterruptedException {
    String servers = arguments[0];
    long end = Long.parseLong(arguments[1]);
    SplittableRandom random = new SplittableRandom(Long.parseLong(arguments[2]));
    List<NodeLife> lives = new ArrayList<>();
    for (int i = 3; i < arguments.length; i++) {
      lives.add(new NodeLife(servers, Integer.parseInt(arguments[i]), end, random.split()));
    }
    for (NodeLife life : lives) {
      life.finished.join();
    }
    System.out.println(DONE);
    System.out.flush();
    Thread.sleep(Duration.ofMinutes(10));
  }

  private static void say(Event event) {
    System.out.println(HistoryLines.line(event));
  }

  /** One node number, incarnation after incarnation. */
  private static final class NodeLife {
    final CompletableFuture<Void> finished = new CompletableFuture<>();
    private final String servers;
    private final int number;
    private final long end;
    private final SplittableRandom random;
    private final Loop loop;

    private Optional<Incarnation> current = Optional.empty();

    NodeLife(String servers, int number, long end, SplittableRandom random) {
      this.servers = servers;
      this.number = number;
      this.end = end;
      this.random = random;
      loop =
          Loop.start(
              "node " + number,
              (_, e) -> {
                e.printStackTrace(System.out);
                Runtime.getRuntime().halt(3);
              });
      loop.execute(this::begin);
      loop.after(Duration.ofNanos(end - System.nanoTime()).plus(LATE), this::complain);
    }

    private void begin() {
      current = Optional.of(new Incarnation(this));
      current.get().join();
    }

    /** For whoever has to find out why it takes so long. */
    private void complain() {
      if (!finished.isDone()) {
        current.ifPresent(Incarnation::complain);
        loop.after(LATE, this::complain);
      }
    }
  }

  /** One membership and its worker. */
  private static final class Incarnation implements LockWorker.Home, MembershipListener {
    private final NodeLife life;
    private final Membership membership;
    private LockWorker worker;
    private long incarnation;
    private boolean resting;
    private boolean over;

    Incarnation(NodeLife life) {
      this.life = life;
      MemberPorts ports =
          MemberPorts.of(
              life.loop,
              Env.system(),
              timeout ->
                  ZooKeeperStore.connect(
                          ZooKeeperOptions.of(life.servers, "/real").withSessionTimeout(timeout),
                          life.loop)
                      .thenApply(store -> store),
              this);
      membership =
          Membership.of(MemberSettings.of(life.number).with(new Heartbeat(200, 2, 10)), ports);
    }

    void join() {
      var _ =
          membership
              .join(JOIN_TIME)
              .thenAccept(result -> {
                if (result instanceof JoinResult.Joined) {
                  incarnation = membership.standing().incarnation();
                  worker = new LockWorker(this, this::record, life.random.split());
                  noteLease();
                  worker.join();
                  watch();
                } else {
                  again();
                }
              });
    }

    void complain() {
      System.out.printf(
          "late: %s, over %s, worker %s, lease %s%n",
          name(), over, worker, membership.lease().remaining());
      var _ = membership.diagnostics().thenAccept(System.out::println);
    }

    private void again() {
      if (!over) {
        over = true;
        life.loop.after(Duration.ofMillis(200), life::begin);
      }
    }

    private void record(What what) {
      long now = System.nanoTime();
      if (!over || what instanceof What.Over) {
        say(new Event(now, name(), what));
      }
    }

    /** Tells how long what we hold counts. */
    private void noteLease() {
      if (!over) {
        record(new What.Lease(System.nanoTime() + membership.lease().remaining().toNanos()));
        life.loop.after(LEASE_NOTE, this::noteLease);
      }
    }

    /** Sees when the random part ends, and when all is done. */
    private void watch() {
      if (over) {
        return;
      }
      if (worker.isHalted()) {
        membership.close();
        again();
        return;
      }
      boolean late = System.nanoTime() > life.end;
      if (late && !resting) {
        resting = true;
        worker.stopWorking();
      } else if (late && worker.isQuiet() && !worker.isServing()) {
        worker.takeEverythingOnce();
      } else if (late && worker.isServed()) {
        life.finished.complete(null);
      }
      life.loop.after(Duration.ofMillis(100), this::watch);
    }

    @Override
    public String name() {
      return "node " + life.number + " " + incarnation;
    }

    @Override
    public long number() {
      return incarnation;
    }

    @Override
    public Loop loop() {
      return life.loop;
    }

    @Override
    public CompletableFuture<JoinOutcome> join(LockspaceListener listener) {
      return Lockspace.join(
          new Lockspace.Node(membership.store(), life.loop, Env.system(), membership.standing()),
          "space",
          SETTINGS,
          listener);
    }

    @Override
    public void entered(Lockspace lockspace) {
      membership.onViewChange(lockspace::nodesGone);
      lockspace.nodesGone();
    }

    @Override
    public void left() {
      var _ = membership.leave().thenRun(this::again);
    }

    @Override
    public CompletionStage<Void> holdIo(HoldCause cause) {
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletionStage<Void> halted(io.mirrorctl.dlm.member.HaltCode code, String text) {
      if (worker != null) {
        worker.halted(text);
      }
      again();
      return CompletableFuture.completedFuture(null);
    }
  }
}
