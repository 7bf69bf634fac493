package io.mirrorctl.dlm.cluster;

import com.google.common.util.concurrent.MoreExecutors;
import io.mirrorctl.core.array.ArrayControl;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.message.Answer;
import io.mirrorctl.dlm.message.Bits256;
import io.mirrorctl.dlm.message.ClusterMessage;
import io.mirrorctl.dlm.message.ClusterMessage.Hold;
import io.mirrorctl.dlm.message.ClusterMessage.MetadataUpdated;
import io.mirrorctl.dlm.message.ClusterMessage.Resume;
import io.mirrorctl.dlm.message.ClusterMessage.ResyncFinished;
import io.mirrorctl.dlm.message.ClusterMessage.Resyncing;
import io.mirrorctl.dlm.message.Envelope;
import io.mirrorctl.dlm.message.MessageListener;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does what other nodes' messages, and their coming and going, ask of the array: one after the
 * other, on threads that may block.
 */
final class Inbox implements MessageListener {
  private static final Logger LOG = LoggerFactory.getLogger(Inbox.class);

  private final Paths paths;
  private final Arrivals arrivals;
  private final Executor sequence;
  private final Consumer<String> halt;
  private volatile Optional<ArrayControl> control = Optional.empty();

  /** Touched in the sequence, as is what follows. */
  private final PeerWindows peers = new PeerWindows();

  private final DiskNameParts diskName = new DiskNameParts();

  /** Sequence of the last proposal that the array was told of. */
  private int proposal;

  /** This node is no member any more: it answers nothing, as its I/O may still be under way. */
  private volatile boolean halted;

  /** Holds of other nodes that no resume has ended; touched in the sequence or under the token. */
  private int holds;

  /**
   * @param halt ends this node's part in the cluster at once
   */
  Inbox(Paths paths, Arrivals arrivals, Env env, Consumer<String> halt) {
    this.paths = paths;
    this.arrivals = arrivals;
    this.halt = halt;
    sequence = MoreExecutors.newSequentialExecutor(env.io());
  }

  /** The array is assembled. */
  void open(ArrayControl opened) {
    control = Optional.of(opened);
  }

  /** The array is closed: whatever others do, nothing is to be done here. */
  void close() {
    control = Optional.empty();
  }

  void halt() {
    halted = true;
    close();
  }

  /** What asks things of the array, while it is open. */
  Optional<ArrayControl> control() {
    return control;
  }

  /** Another node copies nothing any more. */
  void forget(int slot) {
    sequence.execute(() -> {
      peers.forget(slot);
      control.ifPresent(c -> c.suspend(slot, List.of()));
    });
  }

  /** Ends the holds of a node that did not live to do so; by who has the token. */
  void endHolds(ArrayControl of) {
    for (; holds > 0; holds--) {
      of.resume();
    }
  }

  @Override
  public CompletableFuture<Answer> receive(Envelope envelope) {
    var answer = new CompletableFuture<Answer>();
    sequence.execute(() -> {
      try {
        Answer given = control.<Answer>map(c -> apply(c, envelope)).orElseGet(Answer.Accepted::new);
        if (!halted) {
          answer.complete(given);
        }
      } catch (RuntimeException | Error e) {
        answer.completeExceptionally(e);
      }
    });
    return answer;
  }

  private Answer apply(ArrayControl array, Envelope envelope) {
    switch (envelope.message()) {
      case Hold(var _, long _, var failing) -> {
        Set<Integer> further = array.hold(set(failing));
        holds++;
        if (!further.isEmpty()) {
          return new Answer.AlsoFailing(bits(further));
        }
      }
      case MetadataUpdated(long events, int _) -> {
        try {
          array.settle(events);
        } catch (IOException e) {
          return cannotFollow(e.getMessage());
        }
      }
      case Resume _ -> endHolds(array);
      case Resyncing(var windows) ->
          array.suspend(envelope.sender(), peers.told(envelope.sender(), windows));
      case ResyncFinished() -> {
        peers.forget(envelope.sender());
        array.suspend(envelope.sender(), List.of());
      }
      case ClusterMessage.Abort(int sequence) -> {
        if (sequence == proposal) {
          array.withdraw();
        }
      }
      case ClusterMessage.ResyncStart _, ClusterMessage.BitmapNeedsSync _ -> {}
      case ClusterMessage.DiskName part -> diskName.add(part);
      case ClusterMessage.NewDisk(UUID device, int number) -> {
        proposal = envelope.sequence();
        return arrivals.find(array, device, number, diskName.take());
      }
      case ClusterMessage.Remove(int number) -> {
        proposal = envelope.sequence();
        try {
          array.letGo(number);
        } catch (IOException e) {
          LOG.warn("a member cannot be removed: {}", e.getMessage());
          return Answer.refused("member %d is in use".formatted(number));
        }
      }
      case ClusterMessage.Rewrite(int slot) -> {
        try {
          array.rewrite(slot);
        } catch (IOException e) {
          halt.accept("what the members tell cannot be written once more: " + e.getMessage());
          return Answer.refused(e.getMessage());
        }
      }
      case ClusterMessage.Probe(int number) -> {
        if (paths.isReached(array, number)) {
          return Answer.refused(Paths.REACHED);
        }
      }
      case ClusterMessage.BitmapResize _ -> {
        return Answer.refused("not supported yet");
      }
      case ClusterMessage.ChangeCapacity _ ->
          throw new UnsupportedOperationException("a shared array has another size now");
    }
    return new Answer.Accepted();
  }

  /**
   * A fact cannot be refused. Nothing is in flight, as I/O is held: who gives up the array here has
   * done what was asked.
   */
  private Answer cannotFollow(String reason) {
    if (paths.areChecked()) {
      paths.lose(new Paths.Loss(Optional.empty(), Optional.empty(), reason));
      return new Answer.Accepted();
    }
    halt.accept("a change of the members cannot be followed: " + reason);
    return Answer.refused(reason);
  }

  static Bits256 bits(Set<Integer> numbers) {
    return Bits256.of(numbers.stream().mapToInt(Integer::intValue).toArray());
  }

  static Set<Integer> set(Bits256 numbers) {
    return numbers.stream().boxed().collect(Collectors.toSet());
  }
}
