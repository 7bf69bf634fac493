package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.ViewRecord.Event;
import java.util.List;

/** Keeps up with the lockspace's view and tells the listener what happened, in its order. */
final class ViewFollower {
  private final LockspaceMember member;
  private final LockspaceListener listener;
  private final Tracked<ViewRecord> view;
  private final Watching watching;
  private final Recovery recovery;
  private long delivered = Long.MAX_VALUE;
  private long prepared;
  private boolean delivering;

  ViewFollower(LockspaceMember member, LockspaceListener listener, LockspaceSettings settings) {
    this.member = member;
    this.listener = listener;
    view =
        new Tracked<>(
            member, member.paths().view(), ViewRecordCodec::decode, ViewRecord.first(settings));
    watching = new Watching(member, view.path(), this::changed, this::look);
    recovery = new Recovery(member, this);
  }

  Tracked<ViewRecord> tracked() {
    return view;
  }

  ViewRecord now() {
    return view.content();
  }

  /** Whether the view is known, and nobody is being purged. */
  boolean isSettled() {
    return view.isFresh() && !delivering && !now().isRecovering();
  }

  void start() {
    watching.want();
  }

  void stop() {
    watching.drop();
    recovery.stop();
  }

  /** From here on the listener is told what comes after that generation. */
  void deliverAfter(long generation) {
    delivered = generation;
    prepared = generation;
  }

  private void changed() {
    view.changed();
    view.read(this::accept);
  }

  /** What is known of the view may be old. */
  void look() {
    view.doubt();
    view.read(this::accept);
  }

  /** This node's commit made the view so. */
  void wrote(ViewRecord next) {
    view.wrote(next);
  }

  /** What is to be done by the view as it is known now. */
  void accept() {
    if (member.isEnded() || delivering) {
      return;
    }
    member.show(view.content());
    if (member.isJoined()) {
      delivering = true;
      deliver();
      delivering = false;
    }
    if (member.isEnded()) {
      return;
    }
    if (view.isFresh()) {
      recovery.step();
      member.wake();
    } else {
      view.read(this::accept);
    }
  }

  /** Nodes are gone: see whether members are among them. */
  void nodesGone() {
    if (view.isFresh()) {
      recovery.step();
    }
  }

  private void deliver() {
    ViewRecord now = view.content();
    if (now.slotOf(member.owner().incarnation()).isEmpty()) {
      if (member.isLeaving()) {
        return;
      }
      member.overturned(
          "%s is no member of lockspace %s any more, generation %d"
              .formatted(member.owner(), member.name(), now.generation()));
      return;
    }
    if (now.generation() - delivered > ViewRecord.LOG_GENERATIONS) {
      member.overturned(
          "lockspace %s went from generation %d to %d while this node slept; what happened is known only for the last %d"
              .formatted(member.name(), delivered, now.generation(), ViewRecord.LOG_GENERATIONS));
      return;
    }
    List<Event> log = now.log();
    for (int i = 0; i < log.size() && !member.isEnded(); i++) {
      Event event = log.get(i);
      if (event.generation() > delivered) {
        boolean last = i + 1 == log.size() || log.get(i + 1).generation() > event.generation();
        tell(event, last);
        delivered = last ? event.generation() : delivered;
      }
    }
    if (now.isRecovering()) {
      prepare(now.generation() + 1);
    }
  }

  private void prepare(long generation) {
    if (prepared < generation) {
      prepared = generation;
      member.tell(() -> listener.prep(generation));
    }
  }

  private void tell(Event event, boolean last) {
    long generation = event.generation();
    int slot = event.slot();
    int node = event.node();
    switch (event.kind()) {
      case JOINED -> member.tell(() -> listener.joined(slot, node, generation));
      case LEFT -> member.tell(() -> listener.left(slot, node, false, generation));
      case LEFT_WITH_WORK -> member.tell(() -> listener.left(slot, node, true, generation));
      case FREED -> member.tell(() -> listener.freed(slot, generation));
      case DIED -> {
        prepare(generation);
        member.tell(() -> listener.slot(slot, node, generation));
        if (last) {
          member.tell(() -> listener.done(generation));
        }
      }
    }
  }
}
