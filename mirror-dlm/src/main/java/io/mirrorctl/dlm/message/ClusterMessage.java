package io.mirrorctl.dlm.message;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.dlm.store.Bytes;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * What a node broadcasts to the other members of an array's lockspace: the messages of Linux's
 * md-cluster, and those by which the set of members changes in three steps (decision D6 of the
 * design).
 *
 * <p>A {@link Proposal} may be refused by any receiver and is then undone by all. A {@link Fact}
 * has happened: a node that cannot apply it halts (decision D5).
 *
 * <p>Sizes are in sectors of 512 bytes; the number of a member disk is from 0 to 255.
 */
public sealed interface ClusterMessage {

  /** May be refused. */
  sealed interface Proposal extends ClusterMessage {}

  /** May not be refused. */
  sealed interface Fact extends ClusterMessage {}

  /**
   * A disk is about to become member {@code number}, or, as that, to receive writes again: accepted
   * by who has it or finds it. Refused while old I/O to it is out.
   *
   * @param device its UUID, as in its superblock
   */
  record NewDisk(UUID device, int number) implements Proposal {
    /** What who does not find the disk refuses with: it may be asked again. */
    public static final String NOT_FOUND = "not found";

    public NewDisk {
      checkNumber(number);
    }
  }

  /**
   * A part of the name under which the sender knows the disk of the {@link NewDisk} that follows.
   *
   * @param part from 0
   * @param parts how many there are
   * @param text UTF-8, which may be cut inside a character; 1 to 48 bytes, none of them 0
   */
  record DiskName(int part, int parts, Bytes text) implements Proposal {
    static final int MAX_BYTES = 48;

    public DiskName {
      checkArgument(
          part >= 0 && part < parts && parts <= 0xFFFF, "part %s of %s of a name", part, parts);
      checkArgument(
          text.size() >= 1 && text.size() <= MAX_BYTES, "%s bytes of a name", text.size());
      for (byte one : text.toArray()) {
        checkArgument(one != 0, "a name with a zero in it");
      }
    }

    /** All parts of a name. */
    public static List<DiskName> of(String disk) {
      byte[] bytes = disk.getBytes(StandardCharsets.UTF_8);
      int parts = Math.ceilDiv(bytes.length, MAX_BYTES);
      return IntStream.range(0, parts)
          .mapToObj(part ->
              new DiskName(
                  part,
                  parts,
                  Bytes.of(
                      Arrays.copyOfRange(
                          bytes,
                          part * MAX_BYTES,
                          Math.min(bytes.length, (part + 1) * MAX_BYTES)))))
          .toList();
    }
  }

  /** A member that has no role is about to leave the array. */
  record Remove(int number) implements Proposal {
    public Remove {
      checkNumber(number);
    }
  }

  /**
   * A member fails on the sender and is about to be failed for all. Refused, with the word {@code
   * reached}, by who reaches it; who does not accepts, or who cannot tell in time.
   */
  record Probe(int number) implements Proposal {
    public Probe {
      checkNumber(number);
    }
  }

  /**
   * The bitmaps are about to cover so many sectors: each node makes its own do so, or refuses.
   *
   * @param chunkSectors what one bit stands for, a power of two
   */
  record BitmapResize(long sectors, long chunkSectors) implements Proposal {
    public BitmapResize {
      checkSectors(sectors);
      checkArgument(
          Long.bitCount(chunkSectors) == 1 && chunkSectors <= 1L << 31,
          "%s sectors are no chunk",
          chunkSectors);
    }
  }

  /** The sender has the {@code resync} lock and begins: a spare that waited may become active. */
  record ResyncStart() implements Proposal {}

  /**
   * First step of a change of the members: no new member I/O begins, I/O to members that stay is
   * waited for, I/O to the failing ones is given up.
   *
   * @param events what the superblocks will show at the next step
   * @param failing numbers of members that are lost; empty in other changes
   */
  record Hold(Change change, long events, Bits256 failing) implements Fact {
    public Hold {
      checkEvents(events);
      checkArgument(
          (change == Change.FAILED) != failing.isEmpty(), "%s with failing %s", change, failing);
    }
  }

  /** What changes in the set of members. */
  enum Change {
    /** Members are lost. */
    FAILED,
    /** Anything else: members come in, become active, change places. */
    OTHER,
    /** Superblocks are made agree after a node died in the middle of a change. */
    REGROUPED
  }

  /**
   * Superblocks have changed and are durable on all remaining members: read them and go by them.
   * Second step of a change of the members; alone, a change that touches no I/O.
   *
   * @param events what they show
   * @param source number of a member that has them
   */
  record MetadataUpdated(long events, int source) implements Fact {
    public MetadataUpdated {
      checkEvents(events);
      checkNumber(source);
    }
  }

  /**
   * Last step of a change of the members: I/O runs.
   *
   * @param events those of the step before
   */
  record Resume(long events) implements Fact {
    public Resume {
      checkEvents(events);
    }
  }

  /**
   * A proposal was refused, or its sender is gone: who applied it undoes it.
   *
   * @param sequence that of the proposal
   */
  record Abort(int sequence) implements Fact {}

  /** What the sender is resyncing now, in place of what it said before. */
  record Resyncing(ResyncWindows windows) implements Fact {}

  /** The sender resyncs nothing any more. */
  record ResyncFinished() implements Fact {}

  /**
   * The sender leaves with bits set.
   *
   * @param slot whose bitmap has to be taken over, 0 to 65535
   */
  record BitmapNeedsSync(int slot) implements Fact {
    public BitmapNeedsSync {
      checkArgument(slot >= 0 && slot <= 0xFFFF, "%s is no slot", slot);
    }
  }

  /**
   * Something older may have been written over what the members tell of the array: each receiver
   * writes its slot once more, and one of them the superblocks too.
   *
   * @param slot whose node writes the superblocks, 0 to 65535
   */
  record Rewrite(int slot) implements Fact {
    public Rewrite {
      checkArgument(slot >= 0 && slot <= 0xFFFF, "%s is no slot", slot);
    }
  }

  /** All bitmaps cover this size: clients may see it. */
  record ChangeCapacity(long sectors) implements Fact {
    public ChangeCapacity {
      checkSectors(sectors);
    }
  }

  private static void checkNumber(int number) {
    checkArgument(number >= 0 && number < Bits256.SIZE, "member number %s not in 0..255", number);
  }

  private static void checkSectors(long sectors) {
    checkArgument(sectors > 0, "bad size of %s sectors", sectors);
  }

  private static void checkEvents(long events) {
    checkArgument(events >= 0, "bad events %s", events);
  }
}
