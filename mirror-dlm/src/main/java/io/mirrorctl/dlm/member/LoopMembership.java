package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** A {@link ClusterMember} as seen from any thread: hops onto its loop. */
final class LoopMembership implements Membership {
  private final ClusterMember member;
  private final OwnLoop loop;

  LoopMembership(ClusterMember member) {
    this.member = member;
    this.loop = member.loop();
  }

  private <R> CompletableFuture<R> asked(Supplier<CompletableFuture<R>> service) {
    var result = new CompletableFuture<R>();
    loop.hop(() -> loop.when(service.get(), result::complete));
    return result;
  }

  @Override
  public CompletableFuture<JoinResult> join(Duration timeout) {
    return asked(() -> member.join(timeout));
  }

  @Override
  public CompletableFuture<ServiceResult> leave() {
    return asked(() -> member.services().leave());
  }

  @Override
  public CompletableFuture<ServiceResult> shutdown() {
    return asked(() -> member.services().shutdown());
  }

  @Override
  public CompletableFuture<ServiceResult> eject(int node, Vouch vouch, String reason) {
    return asked(() -> member.services().eject(node, vouch, reason));
  }

  @Override
  public CompletableFuture<ServiceResult> eject(Incarnation victim, Vouch vouch, String reason) {
    return asked(() -> member.services().eject(victim, vouch, reason));
  }

  @Override
  public void halt(String reason) {
    loop.hop(() -> member.halt(HaltCode.CALLBACK_FAILED, reason));
  }

  @Override
  public CompletableFuture<ServiceResult> nodeUnreachable(int node) {
    return asked(() -> member.services().nodeUnreachable(node));
  }

  @Override
  public CompletableFuture<ServiceResult> forceRegroup(String reason) {
    return asked(() -> member.services().forceRegroup(reason));
  }

  @Override
  public CompletableFuture<ClusterInfo> clusterInfo() {
    return asked(() -> CompletableFuture.completedFuture(member.info(member.view())));
  }

  @Override
  public CompletableFuture<Boolean> isNodeUp(int node) {
    return asked(() -> CompletableFuture.completedFuture(member.services().isNodeUp(node)));
  }

  @Override
  public CompletableFuture<Diagnostics> diagnostics() {
    return asked(() -> CompletableFuture.completedFuture(member.services().diagnostics()));
  }

  @Override
  public CompletableFuture<QuorumResult> arbitrationWinner(Wait wait) {
    return asked(() -> member.quorum().winner(wait));
  }

  @Override
  public CompletableFuture<QuorumResult> setQuorumOwner(int node, Wait wait) {
    return asked(() -> member.quorum().set(node, wait));
  }

  @Override
  public CompletableFuture<QuorumResult> giveUpQuorum(Wait wait) {
    return asked(() -> member.quorum().giveUp(wait));
  }

  @Override
  public Lease lease() {
    return member.lease();
  }

  @Override
  public Standing standing() {
    return member.seat();
  }

  @Override
  public Store store() {
    return member.seat().link().store();
  }

  @Override
  public void onViewChange(Runnable task) {
    loop.hop(() -> member.onViewChange(task));
  }

  @Override
  public void close() {
    // at once, whatever the loop is doing
    member.lease().end();
    loop.hop(member::close);
  }
}
