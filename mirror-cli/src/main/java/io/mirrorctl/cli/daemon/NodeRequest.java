package io.mirrorctl.cli.daemon;

import static com.google.common.base.Preconditions.checkArgument;
import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What a client asks of a node over its control socket: one line of JSON, whose {@code do} names
 * the request. Disks are named by absolute paths or URLs.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "do")
@JsonSubTypes({
  @JsonSubTypes.Type(value = NodeRequest.Assemble.class, name = "assemble"),
  @JsonSubTypes.Type(value = NodeRequest.Scan.class, name = "scan"),
  @JsonSubTypes.Type(value = NodeRequest.Stop.class, name = "stop"),
  @JsonSubTypes.Type(value = NodeRequest.Detail.class, name = "detail"),
  @JsonSubTypes.Type(value = NodeRequest.Status.class, name = "status"),
  @JsonSubTypes.Type(value = NodeRequest.Add.class, name = "add"),
  @JsonSubTypes.Type(value = NodeRequest.Confirm.class, name = "confirm"),
  @JsonSubTypes.Type(value = NodeRequest.Fail.class, name = "fail"),
  @JsonSubTypes.Type(value = NodeRequest.Remove.class, name = "remove"),
  @JsonSubTypes.Type(value = NodeRequest.ReAdd.class, name = "re-add"),
  @JsonSubTypes.Type(value = NodeRequest.Replace.class, name = "replace"),
  @JsonSubTypes.Type(value = NodeRequest.Grow.class, name = "grow"),
  @JsonSubTypes.Type(value = NodeRequest.Scrub.class, name = "scrub"),
  @JsonSubTypes.Type(value = NodeRequest.Sync.class, name = "sync"),
  @JsonSubTypes.Type(value = NodeRequest.Wait.class, name = "wait"),
  @JsonSubTypes.Type(value = NodeRequest.Monitor.class, name = "monitor"),
  @JsonSubTypes.Type(value = NodeRequest.DryRun.class, name = "dry-run"),
  @JsonSubTypes.Type(value = NodeRequest.Members.class, name = "members"),
  @JsonSubTypes.Type(value = NodeRequest.Locks.class, name = "locks"),
  @JsonSubTypes.Type(value = NodeRequest.Why.class, name = "why"),
  @JsonSubTypes.Type(value = NodeRequest.Eject.class, name = "eject"),
  @JsonSubTypes.Type(value = NodeRequest.Regroup.class, name = "regroup"),
  @JsonSubTypes.Type(value = NodeRequest.Leave.class, name = "leave")
})
public sealed interface NodeRequest {

  /** Starts an array. */
  record Assemble(
      String array,
      List<String> disks,
      boolean run,
      boolean readOnly,
      boolean force,
      boolean coherent)
      implements NodeRequest {
    public Assemble {
      ArrayNames.check(array);
      disks = List.copyOf(disks);
      checkArgument(!disks.isEmpty(), "no disks to assemble %s from", array);
      disks.forEach(NodeRequest::checkDisk);
    }
  }

  /** Assembles what is configured, or what is there; answered with a {@link ScanResult}. */
  record Scan() implements NodeRequest {}

  /** Stops an array; answered when its disks are closed. */
  record Stop(String array) implements NodeRequest {
    public Stop {
      ArrayNames.check(array);
    }
  }

  /** Answered with an {@link ArrayDetail}. */
  record Detail(String array) implements NodeRequest {
    public Detail {
      ArrayNames.check(array);
    }
  }

  /** Answered with a list of {@link ArraySummary}. */
  record Status() implements NodeRequest {}

  /** Adds a disk. */
  record Add(String array, String disk, boolean force) implements NodeRequest {
    public Add {
      ArrayNames.check(array);
      checkDisk(disk);
    }
  }

  /**
   * Says where a disk is that another node adds.
   *
   * @param disk empty: it is not here
   */
  record Confirm(String array, Optional<String> disk) implements NodeRequest {
    public Confirm {
      ArrayNames.check(array);
      disk.ifPresent(NodeRequest::checkDisk);
    }
  }

  /** Stops using a member. */
  record Fail(String array, String disk) implements NodeRequest {
    public Fail {
      ArrayNames.check(array);
      checkDisk(disk);
    }
  }

  /** Lets go of a faulty member or a spare. */
  record Remove(String array, String disk) implements NodeRequest {
    public Remove {
      ArrayNames.check(array);
      checkDisk(disk);
    }
  }

  /** Takes a former member back. */
  record ReAdd(String array, String disk) implements NodeRequest {
    public ReAdd {
      ArrayNames.check(array);
      checkDisk(disk);
    }
  }

  /** Fills {@code with} while {@code disk} stays in use, then takes it over. */
  record Replace(String array, String disk, String with, boolean force) implements NodeRequest {
    public Replace {
      ArrayNames.check(array);
      checkDisk(disk);
      checkDisk(with);
    }
  }

  /**
   * Changes the number of members or the size.
   *
   * @param sizeBytes {@link #LARGEST} for as much as the members allow
   */
  record Grow(String array, OptionalInt members, OptionalLong sizeBytes, boolean force)
      implements NodeRequest {
    /** As large as the members allow. */
    public static final long LARGEST = Long.MAX_VALUE;

    public Grow {
      ArrayNames.check(array);
      checkArgument(members.isPresent() || sizeBytes.isPresent(), "nothing to grow");
      checkArgument(sizeBytes.orElse(1) > 0, "a size of %s bytes", sizeBytes);
    }
  }

  /**
   * Compares all members, and makes them equal if asked; ends when its client goes away. Progress
   * is {@link SyncState}, the answer a {@link ScrubResult}.
   *
   * @param from the member to take the data from; only with {@code repair}
   */
  record Scrub(String array, boolean repair, Optional<String> from) implements NodeRequest {
    public Scrub {
      ArrayNames.check(array);
      checkArgument(repair || from.isEmpty(), "only a repair takes data from a member");
    }
  }

  /** Controls resync, recovery, check and repair. Speeds are bytes per second, 0 for no maximum. */
  record Sync(
      String array,
      boolean pause,
      boolean resume,
      boolean cancel,
      OptionalLong min,
      OptionalLong max)
      implements NodeRequest {
    public Sync {
      ArrayNames.check(array);
      checkArgument(!(pause && resume), "pause and resume at once");
    }
  }

  /**
   * Answered when the array has got there.
   *
   * @param timeoutMillis after which the request fails; empty for never
   */
  record Wait(String array, Until until, OptionalLong timeoutMillis) implements NodeRequest {
    public Wait {
      ArrayNames.check(array);
      requireNonNull(until, "until");
    }

    /** What to wait for. */
    public enum Until {
      /** Nothing is being copied or checked, and nothing is left to copy. */
      IDLE,
      /** Idle, and every role has a member that holds all data. */
      IN_SYNC
    }
  }

  /** Events as they happen, as progress of type {@link NodeEvent}; never answered. */
  record Monitor() implements NodeRequest {}

  /** Answered with {@link io.mirrorctl.cli.cluster.ClusterMembers}. */
  record Members() implements NodeRequest {}

  /** Answered with a list of {@link ArrayLocks}: of one shared array, or of all. */
  record Locks(Optional<String> array) implements NodeRequest {
    public Locks {
      array.ifPresent(ArrayNames::check);
    }
  }

  /** Answered with a list of {@link Waiter}: about one array, or about all and the node. */
  record Why(Optional<String> array) implements NodeRequest {
    public Why {
      array.ifPresent(ArrayNames::check);
    }
  }

  /**
   * Puts another node out of the cluster; answered with an {@link Outcome}.
   *
   * @param node its name or number
   * @param fenced whether the operator says that it can write no more
   */
  record Eject(String node, boolean fenced) implements NodeRequest {
    public Eject {
      requireNonNull(node, "no node given");
      checkArgument(!node.isEmpty(), "the name of a node is empty");
    }
  }

  /** Takes the cluster through a regroup; answered with an {@link Outcome}. */
  record Regroup() implements NodeRequest {}

  /** Stops the shared arrays and leaves the cluster; answered with an {@link Outcome}. */
  record Leave() implements NodeRequest {}

  /**
   * Looks whether a change would be refused, and changes nothing; answered with an {@link Outcome}
   * that says what it would do.
   *
   * @param change an {@link Add}, {@link ReAdd}, {@link Remove}, {@link Replace}, {@link Grow} or
   *     {@link Eject}
   */
  record DryRun(NodeRequest change) implements NodeRequest {
    public DryRun {
      requireNonNull(change, "no change given");
      checkArgument(
          change instanceof Add
              || change instanceof ReAdd
              || change instanceof Remove
              || change instanceof Replace
              || change instanceof Grow
              || change instanceof Eject,
          "only changes of disks, of the size and of the cluster have a dry run");
    }
  }

  /** What was done, for people. */
  record Outcome(String text) {}

  private static void checkDisk(String disk) {
    requireNonNull(disk, "no disk given");
    checkArgument(!disk.isEmpty(), "the name of a disk is empty");
    checkArgument(
        disk.startsWith("/") || disk.contains("://"),
        "disk %s is neither an absolute path nor a URL",
        disk);
  }
}
