package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What this node knows of one entry, and whether that may be old. Each change that is told raises
 * the version the entry has at least; so one's own commits, whose versions one knows, cost no read.
 */
final class Tracked<T> {
  /** Version of an entry that does not exist: what a creation makes out of it is 0. */
  static final int ABSENT = -1;

  private static final int UNREAD = -2;

  /** Makes sense of what is stored. */
  interface Decoder<T> {
    T decode(Bytes bytes) throws MalformedRecordException;
  }

  private final LockspaceMember member;
  private final String path;
  private final Decoder<T> decoder;
  private final List<Runnable> waiting = new ArrayList<>();
  private T content;
  private int version = UNREAD;
  private int atLeast = ABSENT;
  private int doubts;
  private int doubtsRead;
  private boolean reading;

  /**
   * @param none what there is while the entry does not exist
   */
  Tracked(LockspaceMember member, String path, Decoder<T> decoder, T none) {
    this.member = member;
    this.path = path;
    this.decoder = decoder;
    this.content = none;
  }

  String path() {
    return path;
  }

  T content() {
    return content;
  }

  int version() {
    return version;
  }

  /** Whether nothing is known that the content does not show. */
  boolean isFresh() {
    return version != UNREAD && doubtsRead == doubts && version >= atLeast;
  }

  boolean wasRead() {
    return version != UNREAD;
  }

  /** A change was told. */
  void changed() {
    atLeast = Math.max(atLeast, version) + 1;
  }

  /** Changes may have been missed. */
  void doubt() {
    doubts++;
  }

  /** This node's commit made it so. */
  void wrote(T next) {
    content = next;
    version = Math.max(version, ABSENT) + 1;
    doubtsRead = doubts;
  }

  /** Reads what is not known yet, then goes on. */
  void read(Runnable then) {
    waiting.add(then);
    if (!reading) {
      reading = true;
      read(true);
    }
  }

  private void read(boolean mayRepeat) {
    int doubtsBefore = doubts;
    member.answered(
        member.store().read(path),
        entry -> {
          take(entry);
          doubtsRead = Math.max(doubtsRead, doubtsBefore);
          if (doubtsRead != doubts || (version < atLeast && mayRepeat)) {
            read(doubtsRead != doubts);
          } else {
            atLeast = version;
            reading = false;
            List<Runnable> ready = List.copyOf(waiting);
            waiting.clear();
            ready.forEach(Runnable::run);
          }
        });
  }

  private void take(Optional<Entry> entry) {
    int found = entry.map(Entry::version).orElse(ABSENT);
    if (found < version) {
      return;
    }
    if (entry.isPresent() && found > version) {
      try {
        content = decoder.decode(entry.get().data());
      } catch (MalformedRecordException e) {
        member.halt(
            "%s, version %d: %s; it was written by another program or another version of this one"
                .formatted(path, found, e.getMessage()));
        return;
      }
    }
    version = found;
  }
}
