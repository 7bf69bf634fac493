package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.lock.Standing;
import io.mirrorctl.dlm.store.Store;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * One node's membership in a cluster, for one incarnation: it joins once; when it has left or
 * halted, another membership begins anew with a new session.
 *
 * <p>Threading: callable from any thread. Everything happens, and futures complete, on the loop the
 * membership was made with; so what hangs on a future must not block.
 *
 * <p>Outcomes are values ({@link ServiceResult}, {@link JoinResult}, {@link QuorumResult}); no
 * future completes exceptionally. While the servers do not answer, services answer {@link
 * ServiceResult.Transient}; those under way wait for the servers, or for the end of the
 * incarnation, whichever comes first.
 */
public interface Membership extends AutoCloseable {

  /** Whether an answer may wait for the end of a regroup. */
  enum Wait {
    /** The answer tells what holds when the regroup under way, if any, is over. */
    FOR_REGROUP,
    /** The answer tells what holds now. */
    NO
  }

  /** Whether an operator says that the victim of an ejection can write no more. */
  enum Vouch {
    /** Stands in for the fence agent's yes; the lease is waited for all the same. */
    FENCED,
    /** The fence agent, if there is one, has to say so. */
    NO
  }

  /** A membership that has not joined yet. */
  static Membership of(MemberSettings settings, MemberPorts ports) {
    return new LoopMembership(new ClusterMember(settings, ports));
  }

  /**
   * Joins: announces version and parameters, waits for what an earlier incarnation of this node
   * left behind, enters the view, and takes part in the regroup that tells everybody.
   *
   * @param timeout the node is either a member by then, or gives up and is none
   */
  CompletableFuture<JoinResult> join(Duration timeout);

  /**
   * Leaves cleanly: all I/O is held and has returned, then the node is out of the view in one
   * commit, and nobody waits for its lease. Locks are to be given up before.
   */
  CompletableFuture<ServiceResult> leave();

  /**
   * Prepares for the machine going down: as {@link #leave}, but the node stays in the view, for
   * others to see, until its session ends. Its permission to take part in regroups, which it has
   * had since the end of its join, is off: nobody waits for it any more.
   */
  CompletableFuture<ServiceResult> shutdown();

  /**
   * Puts another node out: it can renew its lease no more, and leaves the view when the lease is
   * surely over and the fence agent has said yes, with or without its consent. Complete when it can
   * not renew any more; {@link MembershipListener#nodeDown} tells the rest. Of a node that is
   * already gone, it tells the operator's word.
   *
   * @param reason shown to the victim and in the diagnostics
   */
  CompletableFuture<ServiceResult> eject(int node, Vouch vouch, String reason);

  /**
   * The same for one incarnation of a node and no later one: the answer is {@link
   * ServiceResult.NotMember} if it is not in the view any more.
   */
  CompletableFuture<ServiceResult> eject(Incarnation victim, Vouch vouch, String reason);

  /**
   * The node above cannot follow the cluster: this incarnation halts with {@link
   * HaltCode#CALLBACK_FAILED}. Does nothing after its end.
   *
   * @param reason shown in the text of the halt
   */
  void halt(String reason);

  /**
   * Reports that this node cannot reach another: a regroup finds out whether that one still keeps
   * up. If not, it is ejected after the stage limit; if the two face each other alone, or half of
   * the view is accused, the {@link Arbiter} decides.
   */
  CompletableFuture<ServiceResult> nodeUnreachable(int node);

  /**
   * Takes the cluster through a regroup without a cause in the view. Refused with {@link
   * ServiceResult.Transient} while a member is gone but not surely dead: all I/O would be held for
   * it.
   *
   * @return complete when the regroup is over
   */
  CompletableFuture<ServiceResult> forceRegroup(String reason);

  /** The cluster as this node knows it; no members before it has joined. */
  CompletableFuture<ClusterInfo> clusterInfo();

  /** Whether the node is an active member and shows that it lives, as far as this node knows. */
  CompletableFuture<Boolean> isNodeUp(int node);

  /** Everything that helps to understand what the membership is doing and waiting for. */
  CompletableFuture<Diagnostics> diagnostics();

  /** The winner of the arbitration in the last regroup, or the one under way. */
  CompletableFuture<QuorumResult> arbitrationWinner(Wait wait);

  /**
   * Makes a node the quorum owner. While the place is vacant only the last regroup's winner can
   * have it; an owner may hand it on to any active member. If a regroup is under way, or comes in
   * between, its winner counts: then another node is refused, with the one that was chosen.
   */
  CompletableFuture<QuorumResult> setQuorumOwner(int node, Wait wait);

  /**
   * Gives up the quorum: the place is vacant until the winner of the last regroup, or of one to
   * come, takes it. Refused, with the owner named, for a node that does not have it, and while a
   * regroup is under way that has not chosen.
   */
  CompletableFuture<QuorumResult> giveUpQuorum(Wait wait);

  /** This node's lease: what gates its I/O. Not valid before the join and after the end. */
  Lease lease();

  /** For the lockspaces of this node; only once it is in the view. */
  Standing standing();

  /** The session, for the lockspaces of this node; only once it is in the view. */
  Store store();

  /**
   * Runs the task on the loop whenever {@link Standing#view()} has changed, from now on, and when
   * this incarnation is over ({@link Standing#end}): for the lockspaces of this node, which are
   * told by {@code Lockspace::nodesGone}.
   */
  void onViewChange(Runnable task);

  /**
   * Ends the session without leaving: the others take it for a death. Does nothing after a leave or
   * a halt.
   */
  @Override
  void close();
}
