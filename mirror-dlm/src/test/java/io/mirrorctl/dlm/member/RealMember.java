package io.mirrorctl.dlm.member;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A membership on real servers, in this process. */
final class RealMember implements MembershipListener, AutoCloseable {
  private static final Duration CONNECT = Duration.ofSeconds(30);

  /** What the listener heard, and when by the wall clock. */
  record Heard(String what, long wallMillis) {}

  private final Loop loop;
  private final Membership membership;
  private final Consumer<String> also;
  private final List<Heard> heard = new CopyOnWriteArrayList<>();
  private volatile boolean ioRuns;

  /**
   * @param also told what the listener hears
   */
  RealMember(String servers, String root, int node, Heartbeat heartbeat, Consumer<String> also) {
    this.also = also;
    loop = Loop.start("member-" + node, (_, bug) -> tell("bug " + bug));
    StoreConnector connector =
        timeout ->
            ZooKeeperStore.connect(
                    ZooKeeperOptions.of(servers, root)
                        .withSessionTimeout(timeout)
                        .withConnectTimeout(CONNECT),
                    loop)
                .thenApply(Store.class::cast);
    membership =
        Membership.of(
            MemberSettings.of(node).with(heartbeat),
            MemberPorts.of(loop, Env.system(), connector, this));
  }

  Membership membership() {
    return membership;
  }

  List<Heard> heard() {
    return heard;
  }

  boolean hasHeard(String what) {
    return heard.stream().anyMatch(h -> h.what().startsWith(what));
  }

  /** When it was heard for the first time after that moment. */
  long when(String what, long afterMillis) {
    return heard.stream()
        .filter(h -> h.what().startsWith(what) && h.wallMillis() > afterMillis)
        .mapToLong(Heard::wallMillis)
        .findFirst()
        .orElse(Long.MAX_VALUE);
  }

  boolean mayWrite() {
    return ioRuns && membership.lease().isValid();
  }

  JoinResult join() {
    return answer(membership.join(Duration.ofSeconds(60)));
  }

  static <T> T answer(CompletableFuture<T> future) {
    return future.orTimeout(90, TimeUnit.SECONDS).join();
  }

  private CompletionStage<Void> tell(String what) {
    heard.add(new Heard(what, System.currentTimeMillis()));
    also.accept(what);
    return CompletableFuture.completedFuture(null);
  }

  @Override
  public void nodeUp(Incarnation who, long epoch) {
    var _ = tell("up " + who.node());
  }

  @Override
  public void nodeDown(Incarnation who, boolean clean, long epoch) {
    var _ = tell((clean ? "left " : "died ") + who.node());
  }

  @Override
  public CompletionStage<Void> holdIo(HoldCause cause) {
    ioRuns = false;
    return tell("hold " + cause);
  }

  @Override
  public CompletionStage<Void> resumeIo() {
    ioRuns = true;
    return tell("resume");
  }

  @Override
  public CompletionStage<Void> cleanUpFirst(Set<Incarnation> dead, long epoch) {
    return tell("clean-up 1 " + dead.stream().map(Incarnation::node).sorted().toList());
  }

  @Override
  public CompletionStage<Void> halted(HaltCode code, String text) {
    ioRuns = false;
    return tell("halted " + code + " " + text);
  }

  @Override
  public void close() {
    membership.close();
    loop.close();
  }
}
