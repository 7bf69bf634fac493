package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.mirrorctl.dlm.lock.LockMode;
import io.mirrorctl.dlm.lock.LockTable;
import io.mirrorctl.dlm.lock.Owner;
import io.mirrorctl.dlm.lock.SlotState;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.IntFunction;

/**
 * The locks by which nodes share an array, as ZooKeeper has them; the names are the keys of its
 * JSON.
 *
 * @param generation rises when a node takes the array into use or gives it up
 * @param locks by resource: who holds it, then who waits, in the order of the queue
 */
public record ArrayLocks(String name, String lockspace, long generation, List<Entry> locks) {

  /**
   * One node's part in a resource. Times are differences of the clocks of two nodes, the owner's
   * and the one that is asked: as good as these agree, and never negative.
   *
   * @param node empty if it is dead and the slot another's by now
   * @param state granted, converting (waits for a mode and holds another meanwhile) or waiting
   * @param place in the queue, from 1
   * @param valueValid of the resource: false after who could write its value block died
   * @param waitMillis since the request was queued
   * @param heldAtLeastMillis since the owner's last request for the resource took effect, or was
   *     queued: what it held before that is not known
   * @param behind the nodes that are to let go, or to be served, before
   */
  @JsonInclude(JsonInclude.Include.ALWAYS)
  public record Entry(
      String resource,
      int slot,
      Optional<String> node,
      String state,
      Optional<String> granted,
      Optional<String> requested,
      OptionalInt place,
      boolean valueValid,
      OptionalLong waitMillis,
      OptionalLong heldAtLeastMillis,
      List<String> behind) {}

  /**
   * Puts it into words.
   *
   * @param names gives a node's name for its number; may block
   */
  static ArrayLocks of(
      String name, String lockspace, LockTable table, IntFunction<String> names, Instant now) {
    var words = new Words(table, names, now);
    List<Entry> entries = new ArrayList<>();
    table.resources().stream()
        .sorted(Comparator.comparing(LockTable.Resource::name))
        .forEach(resource -> words.add(resource, entries));
    return new ArrayLocks(name, lockspace, table.view().generation(), List.copyOf(entries));
  }

  private record Words(LockTable table, IntFunction<String> names, Instant now) {

    void add(LockTable.Resource resource, List<Entry> to) {
      resource.held().stream()
          .filter(
              held -> resource.waiting().stream().noneMatch(w -> w.owner().equals(held.owner())))
          .sorted(Comparator.comparingInt((LockTable.Held held) -> held.owner().slot()))
          .forEach(held -> to.add(granted(resource, held)));
      int place = 0;
      for (LockTable.Waiting waiting : resource.waiting()) {
        place++;
        to.add(waiting(resource, waiting, place));
      }
    }

    private Entry granted(LockTable.Resource resource, LockTable.Held held) {
      return new Entry(
          resource.name(),
          held.owner().slot(),
          nameOf(held.owner()),
          "granted",
          Optional.of(held.mode().name()),
          Optional.empty(),
          OptionalInt.empty(),
          resource.value().valid(),
          OptionalLong.empty(),
          since(held.since()),
          List.of());
    }

    private Entry waiting(LockTable.Resource resource, LockTable.Waiting waiting, int place) {
      return new Entry(
          resource.name(),
          waiting.owner().slot(),
          nameOf(waiting.owner()),
          waiting.held().isPresent() ? "converting" : "waiting",
          waiting.held().map(LockMode::name),
          Optional.of(waiting.wanted().name()),
          OptionalInt.of(place),
          resource.value().valid(),
          since(waiting.since()),
          waiting.held().isPresent() ? since(waiting.since()) : OptionalLong.empty(),
          waiting.behind().stream()
              .sorted(Comparator.comparingInt(Owner::slot))
              .map(this::called)
              .toList());
    }

    private OptionalLong since(Instant then) {
      return OptionalLong.of(Math.max(0, now.toEpochMilli() - then.toEpochMilli()));
    }

    private String called(Owner owner) {
      return nameOf(owner).orElseGet(() -> "the dead node of slot " + owner.slot());
    }

    private Optional<String> nameOf(Owner owner) {
      List<SlotState> slots = table.view().slots();
      return owner.slot() >= slots.size()
          ? Optional.empty()
          : switch (slots.get(owner.slot())) {
            case SlotState.Member(int node, long incarnation)
                when incarnation == owner.incarnation() ->
                Optional.of(names.apply(node));
            case SlotState.NeedsTakeover(int node, long incarnation, var _)
                when incarnation == owner.incarnation() ->
                Optional.of(names.apply(node));
            default -> Optional.empty();
          };
    }
  }
}
