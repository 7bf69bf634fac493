package io.mirrorctl.dlm.message;

import io.mirrorctl.core.env.Invariant;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.lock.JoinOutcome;
import io.mirrorctl.dlm.lock.Lockspace;
import io.mirrorctl.dlm.lock.LockspaceListener;
import io.mirrorctl.dlm.lock.LockspaceSettings;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.ServiceResult;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Binds a lockspace, the broadcasts in it and the membership of its node to each other:
 *
 * <ul>
 *   <li>callbacks of the lockspace go to the channel, then to the listener of the node above;
 *   <li>a member that keeps a message waiting is ejected from the cluster: the incarnation that has
 *       the slot, and no later one of its node;
 *   <li>a node that cannot follow the others, or whose part in the lockspace is over, halts as a
 *       member ({@link Membership#halt}), so that its I/O ends and its locks are purged;
 *   <li>the lockspace is told when members are gone and when this incarnation is over.
 * </ul>
 *
 * <p>One binding is for one lockspace. Nothing blocks; everything happens on the loop, which is
 * that of membership and lockspace.
 */
public final class ChannelBinding {
  private static final Logger LOG = LoggerFactory.getLogger(ChannelBinding.class);

  /** After so long an ejection is asked for again that the servers did not hear. */
  private static final Duration RETRY = Duration.ofSeconds(1);

  private final Membership membership;
  private final Lockspace.Node node;
  private final LockspaceListener above;
  private final MessageListener receiver;
  private final Set<Incarnation> ejecting = new HashSet<>();
  private volatile Optional<LockspaceChannel> joined = Optional.empty();

  /**
   * A binding of a lockspace that is not joined yet.
   *
   * @param node with the standing, the session and the loop of the membership
   * @param above hears who comes and goes, after the channel
   * @param receiver applies the messages
   */
  public ChannelBinding(
      Membership membership,
      Lockspace.Node node,
      LockspaceListener above,
      MessageListener receiver) {
    this.membership = membership;
    this.node = node;
    this.above = above;
    this.receiver = receiver;
  }

  /**
   * Joins the lockspace. {@link #channel} has its channel when the outcome is {@link
   * JoinOutcome.Joined}; that one takes part from its own {@link BroadcastChannel#join} on.
   *
   * @param limit as of {@link BroadcastChannel#of}
   */
  public CompletableFuture<JoinOutcome> join(
      String name, LockspaceSettings settings, Duration limit) {
    return Lockspace.join(node, name, settings, new Forwarding())
        .thenApply(outcome -> {
          if (outcome instanceof JoinOutcome.Joined(Lockspace lockspace)) {
            open(lockspace, limit);
          }
          return outcome;
        });
  }

  private void open(Lockspace lockspace, Duration limit) {
    var channel = BroadcastChannel.of(lockspace, node.loop(), limit, new Reporting());
    joined = Optional.of(new LockspaceChannel(lockspace, channel));
    membership.onViewChange(lockspace::nodesGone);
    lockspace.nodesGone();
  }

  /** The lockspace and its channel, once joined. */
  public LockspaceChannel channel() {
    Invariant.check(joined.isPresent(), "the lockspace is not joined");
    return joined.get();
  }

  private void channel(Consumer<BroadcastChannel> told) {
    joined.ifPresent(both -> told.accept(both.channel()));
  }

  private void eject(int slot, String reason) {
    incarnation(slot).filter(ejecting::add).ifPresent(victim -> eject(slot, victim, reason));
  }

  private Optional<Incarnation> incarnation(int slot) {
    return channel().lockspace().view().slots().get(slot)
            instanceof SlotState.Member(int number, long incarnation)
        ? Optional.of(new Incarnation(number, incarnation))
        : Optional.empty();
  }

  private void eject(int slot, Incarnation victim, String reason) {
    LOG.warn("lockspace {}: {} is ejected: {}", name(), victim, reason);
    var _ =
        membership
            .eject(victim, Membership.Vouch.NO, reason)
            .thenAccept(result -> onLoop(() -> asked(slot, victim, reason, result)));
  }

  private void asked(int slot, Incarnation victim, String reason, ServiceResult result) {
    if (result instanceof ServiceResult.Transient) {
      Loop.Timer _ =
          node.loop()
              .after(
                  RETRY,
                  () -> {
                    if (incarnation(slot).equals(Optional.of(victim))) {
                      eject(slot, victim, reason);
                    }
                  });
    } else {
      // if it is still there later, the channel says so again
      ejecting.remove(victim);
    }
  }

  private String name() {
    return channel().lockspace().name();
  }

  private void onLoop(Runnable task) {
    if (node.loop().isCurrent()) {
      task.run();
    } else {
      node.loop().execute(task);
    }
  }

  /** What the channel has to say. */
  private final class Reporting implements ChannelListener {
    @Override
    public CompletableFuture<Answer> receive(Envelope envelope) {
      return receiver.receive(envelope);
    }

    @Override
    public void eject(int slot, String reason) {
      ChannelBinding.this.eject(slot, reason);
    }

    @Override
    public void halt(String reason) {
      membership.halt("lockspace %s: %s".formatted(name(), reason));
    }
  }

  /** What the lockspace has to say. */
  private final class Forwarding implements LockspaceListener {
    @Override
    public void prep(long generation) {
      channel(channel -> channel.prep(generation));
      above.prep(generation);
    }

    @Override
    public void slot(int slot, int number, long generation) {
      channel(channel -> channel.slot(slot, number, generation));
      above.slot(slot, number, generation);
    }

    @Override
    public void done(long generation) {
      channel(channel -> channel.done(generation));
      above.done(generation);
    }

    @Override
    public void joined(int slot, int number, long generation) {
      channel(channel -> channel.joined(slot, number, generation));
      above.joined(slot, number, generation);
    }

    @Override
    public void left(int slot, int number, boolean needsTakeover, long generation) {
      channel(channel -> channel.left(slot, number, needsTakeover, generation));
      above.left(slot, number, needsTakeover, generation);
    }

    @Override
    public void freed(int slot, long generation) {
      channel(channel -> channel.freed(slot, generation));
      above.freed(slot, generation);
    }

    @Override
    public void halted(String reason) {
      channel(channel -> channel.halted(reason));
      // before the node above acts on it: nothing may be written from here on
      membership.halt("its lockspace is over: " + reason);
      above.halted(reason);
    }
  }
}
