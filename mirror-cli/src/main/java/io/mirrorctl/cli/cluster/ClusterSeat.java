package io.mirrorctl.cli.cluster;

import com.google.common.util.concurrent.MoreExecutors;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterArray;
import io.mirrorctl.dlm.cluster.ClusterNode;
import io.mirrorctl.dlm.cluster.LateWrites;
import io.mirrorctl.dlm.lock.LockTable;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This node's place in a cluster. When its incarnation is over, because it lost its session or was
 * ejected, it comes back as a new one, and tries until it is closed.
 *
 * <p>Threading: any thread; methods that throw block.
 */
public final class ClusterSeat implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterSeat.class);
  private static final long FIRST_PAUSE_MILLIS = 500;
  private static final long LONGEST_PAUSE_MILLIS = 15_000;

  /** Whoever asks what waits does not want to wait long. */
  private static final Duration LOOK_LIMIT = Duration.ofSeconds(5);

  /** What uses the cluster: hears, on one thread, when it can and when it no longer can. */
  public interface Tenant {
    /** The incarnation is over. Returns when all that it began has ended. */
    void halted(String reason);

    /** There is a new one. Returns whether all is in use again; called again later if not. */
    boolean rejoined(ClusterNode node);
  }

  /** Where the node stands. */
  private sealed interface Place {
    record In(ClusterNode node, Life life) implements Place {}

    record Out(String reason, long sinceMillis) implements Place {}

    record Left(long sinceMillis) implements Place {}
  }

  private final ClusterConfig config;
  private final Env env;
  private final Consumer<ClusterEvent> events;
  private final Executor sequence;
  private final Optional<EmbeddedZooKeeper> embedded;
  private final ZooKeeperOptions servers;
  private final CompletableFuture<Void> closing = new CompletableFuture<>();
  private final ReentrantLock lock = new ReentrantLock();
  private final LateWrites late = new LateWrites();
  private final NodeNames names = new NodeNames(this::store);
  private volatile Place place;
  private volatile @Nullable LeaveLimit limit;
  private int number;
  private CompletableFuture<Void> keeper = CompletableFuture.completedFuture(null);

  private ClusterSeat(
      ClusterConfig config,
      Env env,
      Consumer<ClusterEvent> events,
      Optional<EmbeddedZooKeeper> embedded) {
    this.config = config;
    this.env = env;
    this.events = events;
    this.sequence = MoreExecutors.newSequentialExecutor(env.io());
    this.embedded = embedded;
    this.place = new Place.Out("it has not joined yet", env.millis());
    this.servers =
        config
            .servers()
            .orElseGet(() ->
                ZooKeeperOptions.of(
                    embedded.orElseThrow().connectString(), ClusterConfig.root(config.cluster())));
    embedded.ifPresent(zookeeper -> {
      var _ = zookeeper.ended().thenRun(this::zookeeperEnded);
    });
  }

  private void zookeeperEnded() {
    if (!closing.isDone()) {
      LOG.error(
          "node {}: the ZooKeeper in this process has failed, and with it cluster {}; start the node again",
          config.node(),
          config.cluster());
    }
  }

  /**
   * Joins the cluster.
   *
   * @param events hears what happens; must not block
   * @param unwanted asked now and then; this fails once it says yes
   * @throws IOException if the node is not in the cluster, saying why; nothing is left behind then
   */
  public static ClusterSeat take(
      ClusterConfig config, Env env, Consumer<ClusterEvent> events, BooleanSupplier unwanted)
      throws IOException {
    var seat = new ClusterSeat(config, env, events, startEmbedded(config));
    boolean taken = false;
    try {
      NumberClaim.Claimed claimed = seat.arrival().claim(unwanted);
      seat.number = claimed.number();
      seat.names.learn(claimed.numbers());
      seat.place = seat.join(unwanted);
      taken = true;
      return seat;
    } catch (CommandException | InterruptedIOException e) {
      throw e;
    } catch (IOException e) {
      throw new IOException(seat.notIn(e.getMessage()), e);
    } finally {
      if (!taken) {
        seat.closing.complete(null);
        seat.embedded.ifPresent(EmbeddedZooKeeper::close);
      }
    }
  }

  private static Optional<EmbeddedZooKeeper> startEmbedded(ClusterConfig config)
      throws IOException {
    if (config.embedded().isEmpty()) {
      return Optional.empty();
    }
    try {
      return Optional.of(EmbeddedZooKeeper.start(config.embedded().get()));
    } catch (StoreException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  private String notIn(String why) {
    return number == 0
        ? "node %s cannot join cluster %s: %s".formatted(config.node(), config.cluster(), why)
        : "node %s, which has number %d, is not in cluster %s: %s; mirrorctl members on another node shows who is"
            .formatted(config.node(), number, config.cluster(), why);
  }

  private Arrival arrival() {
    return new Arrival(config, servers, late, env);
  }

  private Place.In join(BooleanSupplier unwanted) throws IOException {
    var life = new Life(config.node(), names::of, events, sequence, env);
    ClusterNode node = arrival().join(number, life, names::of, unwanted);
    try {
      tellTimeout(node);
    } catch (IOException e) {
      node.close();
      throw e;
    }
    return new Place.In(node, life);
  }

  private void tellTimeout(ClusterNode node) throws IOException {
    long counts =
        Answers.await(node.membership().diagnostics(), "the session timeout")
            .sessionTimeout()
            .toMillis();
    LOG.info("node {}: the session timeout is {} ms", config.node(), counts);
    Optional<Duration> wanted = config.sessionTimeout();
    // a tick more or less is what rounding makes of it
    if (wanted.isPresent() && Math.abs(counts - wanted.get().toMillis()) > counts / 50) {
      LOG.warn(
          "node {}: the session timeout is {} ms, not {} ms as asked for: the cluster's counts, within"
              + " the limits of ZooKeeper",
          config.node(),
          counts,
          wanted.get().toMillis());
    }
  }

  /** Begins to come back whenever the incarnation is over. */
  public void keep(Tenant tenant) {
    keeper =
        CompletableFuture.runAsync(() -> keepOn(tenant), env.io())
            .exceptionally(e -> {
              LOG.error("node {} does not come back any more, by a bug", config.node(), e);
              return null;
            });
  }

  private void keepOn(Tenant tenant) {
    boolean on = true;
    while (on && place instanceof Place.In(ClusterNode node, Life life)) {
      CompletableFuture.anyOf(life.halted(), closing).join();
      if (!life.halted().isDone()) {
        return;
      }
      String reason = life.halted().join();
      place = new Place.Out(reason, env.millis());
      tell(ClusterEvent.halted(config.node(), reason));
      tenant.halted(reason);
      node.lateWrites().forEach(write -> tell(ClusterEvent.lateWrite(config.node(), write)));
      node.close();
      on = comeBack(tenant);
    }
  }

  private boolean comeBack(Tenant tenant) {
    long pause = FIRST_PAUSE_MILLIS;
    while (!rests(pause, closing)) {
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
      Place.In back;
      try {
        names.learn(arrival().claim(closing::isDone).numbers());
        back = join(closing::isDone);
      } catch (IOException e) {
        if (closing.isDone()) {
          return false;
        }
        LOG.warn("{}", notIn(e.getMessage()));
        continue;
      }
      if (!admit(back)) {
        return false;
      }
      refill(tenant, back);
      return true;
    }
    return false;
  }

  /** Not after a close has looked for who is to leave. */
  private boolean admit(Place.In back) {
    lock.lock();
    try {
      if (closing.isDone()) {
        back.node().close();
        return false;
      }
      place = back;
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void refill(Tenant tenant, Place.In back) {
    String how = "is back in the cluster as a new incarnation";
    LOG.warn("node {} {}", config.node(), how);
    tell(ClusterEvent.rejoined(config.node(), how));
    var over = CompletableFuture.anyOf(closing, back.life().halted());
    long pause = FIRST_PAUSE_MILLIS;
    while (!over.isDone() && !tenant.rejoined(back.node()) && !rests(pause, over)) {
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  /** Waits so long; true if that ended it before. */
  private static boolean rests(long millis, CompletableFuture<?> end) {
    var pause =
        new CompletableFuture<Void>().completeOnTimeout(null, millis, TimeUnit.MILLISECONDS);
    CompletableFuture.anyOf(pause, end).join();
    return end.isDone();
  }

  private void tell(ClusterEvent event) {
    sequence.execute(() -> events.accept(event));
  }

  /** The name of the cluster. */
  public String cluster() {
    return config.cluster();
  }

  /** Where ZooKeeper is: {@code host:port}, several with commas. */
  public String zookeeper() {
    return servers.connectString();
  }

  /**
   * This incarnation.
   *
   * @throws CommandException if the node is not in the cluster now, saying why
   */
  public ClusterNode node() throws CommandException {
    return switch (place) {
      case Place.In(ClusterNode node, Life life) when !life.halted().isDone() -> node;
      case Place.In(var _, Life life) -> throw out(life.halted().join());
      case Place.Out(String reason, var _) -> throw out(reason);
      case Place.Left _ ->
          throw new CommandException(
              ExitCode.FAILED,
              "node %s has left cluster %s; start it again to have it back"
                  .formatted(config.node(), config.cluster()));
    };
  }

  private CommandException out(String reason) {
    return new CommandException(
        ExitCode.FAILED,
        "node %s is out of cluster %s and tries to come back: %s"
            .formatted(config.node(), config.cluster(), reason));
  }

  private Optional<Store> store() {
    return place instanceof Place.In(ClusterNode node, var _)
        ? Optional.of(node.membership().store())
        : Optional.empty();
  }

  /** What people call a node. May block. */
  public String nameOf(int node) {
    return names.of(node);
  }

  /** Who is in the cluster. */
  public ClusterMembers members() throws IOException {
    return switch (place) {
      case Place.In(ClusterNode node, Life life) when !life.halted().isDone() ->
          Roster.of(
              config,
              Answers.await(node.membership().diagnostics(), "the members"),
              node.arrays(),
              names::of);
      case Place.In(var _, Life life) -> Roster.without(config, life.halted().join());
      case Place.Out(String reason, var _) -> Roster.without(config, reason);
      case Place.Left _ -> Roster.without(config, "it has left");
    };
  }

  /**
   * What keeps this node waiting in its cluster.
   *
   * @throws IOException if its own parts do not say, after some seconds at most
   */
  public ClusterLook look() throws IOException {
    return switch (place) {
      case Place.In(ClusterNode node, Life life) when !life.halted().isDone() ->
          ClusterLook.in(
              cluster(),
              zookeeper(),
              life.hold(),
              Answers.await(node.membership().diagnostics(), LOOK_LIMIT, "the members"),
              names::of);
      case Place.In(var _, Life life) -> out(life.halted().join(), 0, true);
      case Place.Out(String reason, long since) -> out(reason, env.millis() - since, true);
      case Place.Left(long since) -> out("it has left", env.millis() - since, false);
    };
  }

  private ClusterLook out(String reason, long millis, boolean returns) {
    return ClusterLook.out(cluster(), zookeeper(), new ClusterLook.Out(reason, millis, returns));
  }

  /**
   * Who holds and who waits for the locks of an array.
   *
   * @throws IOException if ZooKeeper does not say, after some seconds at most
   */
  public LockTable locks(ClusterArray array) throws IOException {
    return Answers.await(
        array.lockspace().table(), LOOK_LIMIT, "the locks of %s".formatted(array.name()));
  }

  /**
   * Puts a node out.
   *
   * @param named by its name or number
   * @param fenced whether the operator says that it can write no more
   * @return what was done, for people
   */
  public String eject(String named, boolean fenced) throws IOException {
    return operations().eject(named, fenced);
  }

  /** Takes the cluster through a regroup; says what came of it. */
  public String regroup() throws IOException {
    return operations().regroup();
  }

  private Operations operations() throws IOException {
    return new Operations(config.cluster(), node().membership(), names);
  }

  /**
   * The node is about to leave: it does not come back any more, and when the rest takes too long,
   * or ZooKeeper is away, it ends without having left.
   */
  public void prepareToLeave() {
    lock.lock();
    try {
      if (closing.complete(null) && place instanceof Place.In(ClusterNode node, var _)) {
        limit = LeaveLimit.start(node, config.node(), env);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Leaves the cluster for good; its arrays are to be stopped before.
   *
   * @throws IOException if the node is out, but the others take it for one that died
   */
  public void leave() throws IOException {
    prepareToLeave();
    keeper.join();
    LeaveLimit running = limit;
    try {
      if (giveUp() instanceof Place.In(ClusterNode node, Life life)) {
        if (life.halted().isDone()) {
          node.close();
        } else {
          node.leave();
          tell(ClusterEvent.left(config.node()));
        }
      }
    } finally {
      if (running != null) {
        running.close();
      }
    }
  }

  /** Only one of those who want to leave does. */
  private Place giveUp() {
    lock.lock();
    try {
      Place was = place;
      place = new Place.Left(env.millis());
      return was;
    } finally {
      lock.unlock();
    }
  }

  /** Leaves, and ends the embedded ZooKeeper. */
  @Override
  public void close() throws IOException {
    try {
      leave();
    } finally {
      embedded.ifPresent(EmbeddedZooKeeper::close);
    }
  }
}
