package io.mirrorctl.core.array;

import io.mirrorctl.core.block.SectorRange;

/** Something that happened to an array, for people and scripts that watch it. */
public sealed interface ArrayEvent {

  /** A member is no longer used. */
  record MemberFailed(String disk, String cause) implements ArrayEvent {}

  /** A disk joined the array as a spare or with a role. */
  record MemberAdded(String disk) implements ArrayEvent {}

  /** A disk left the array. */
  record MemberRemoved(String disk) implements ArrayEvent {}

  /** A member is being filled. */
  record RecoveryStarted(String disk, boolean byBitmap) implements ArrayEvent {}

  /** A member holds all data from now on. */
  record MemberInSync(String disk) implements ArrayEvent {}

  /** A read error was mended by rewriting the sectors from another member. */
  record ReadErrorCorrected(String disk, SectorRange range, int count) implements ArrayEvent {}

  /** A read failed on the last in-sync member; the client got the error. */
  record ReadFailed(String disk, SectorRange range, String cause) implements ArrayEvent {}

  /** A write failed on every in-sync member; the client got the error. */
  record WriteFailed(SectorRange range, String cause) implements ArrayEvent {}

  /** The storage of a member came back and may have lost writes that were not flushed. */
  record UnflushedWritesLost(String disk) implements ArrayEvent {}

  /** Copying or checking began. */
  record SyncStarted(String action) implements ArrayEvent {}

  /** Copying or checking ended; outcome is done, interrupted or failed with a reason. */
  record SyncFinished(String action, String outcome) implements ArrayEvent {}

  /** The superblock's events rose because the set of members or its state changed. */
  record SuperblocksWritten(long events) implements ArrayEvent {}

  /** Somebody else has the array in use too: all requests fail, and nothing more is written. */
  record Overruled(String reason) implements ArrayEvent {}

  /** The array was stopped. */
  record Stopped() implements ArrayEvent {}

  /** Told of every event, on the thread that caused it: must return soon and never call back. */
  @FunctionalInterface
  interface Listener {
    void happened(ArrayEvent event);
  }
}
