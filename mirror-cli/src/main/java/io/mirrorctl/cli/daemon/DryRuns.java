package io.mirrorctl.cli.daemon;

import static java.util.stream.Collectors.joining;

import io.mirrorctl.cli.cluster.ClusterMembers;
import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.DryRun;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/**
 * What changes would do, in words. They throw what the change would be refused with.
 *
 * <p>Threading: any thread; disks are opened and read.
 */
record DryRuns(NodeArrays arrays) {

  String add(NodeArray array, NodeRequest.Add request) throws IOException {
    return entry(
        array,
        request.disk(),
        looked(array, request.disk(), (run, disk) -> run.add(disk, request.force())));
  }

  String reAdd(NodeArray array, NodeRequest.ReAdd request) throws IOException {
    DryRun.Entry entry =
        array.has(request.disk())
            ? of(array, () -> dryRun(array).reAdd(request.disk()))
            : looked(array, request.disk(), DryRun::reAdd);
    return entry(array, request.disk(), entry);
  }

  private static String entry(NodeArray array, String disk, DryRun.Entry entry) {
    ArrayStatus status = array.mirror().array().status();
    String size = ByteSize.text(status.sizeSectors() * SectorRange.SECTOR_BYTES);
    return switch (entry) {
          case NEW ->
              "%s would be overwritten and become %s"
                  .formatted(
                      disk,
                      status.degraded()
                          ? "a member in place of one that is missing, filled with " + size
                          : "a spare");
          case KNOWN_TO_BITMAP ->
              "%s would come back as the member it was; only what changed since would be copied"
                  .formatted(disk);
          case FILLED_ANEW ->
              "%s would come back as the member it was; all %s would be copied"
                  .formatted(disk, size);
        }
        + others(array);
  }

  private static String others(NodeArray array) {
    return array.shared().isPresent()
        ? "; the other nodes, which have to find it too, were not asked"
        : "";
  }

  String replace(NodeArray array, NodeRequest.Replace request) throws IOException {
    if (array.has(request.with())) {
      of(
          array,
          () -> {
            dryRun(array).replaceWithSpare(request.disk(), request.with());
            return request;
          });
    } else {
      NodeRequest.Replace _ =
          looked(
              array,
              request.with(),
              (run, disk) -> {
                run.replace(request.disk(), disk, request.force());
                return request;
              });
    }
    return "%s would be overwritten and filled while %s stays in use, which would become faulty then%s"
        .formatted(request.with(), request.disk(), others(array));
  }

  String remove(NodeArray array, NodeRequest.Remove request) throws IOException {
    of(
        array,
        () -> {
          dryRun(array).remove(request.disk());
          return request;
        });
    return "%s would be let go of and closed".formatted(request.disk());
  }

  String grow(NodeArray array, NodeRequest.Grow request) throws IOException {
    List<String> changes = new ArrayList<>();
    ArrayStatus status = array.mirror().array().status();
    if (request.members().isPresent()) {
      int count = request.members().getAsInt();
      of(
          array,
          () -> {
            dryRun(array).growMembers(count);
            return request;
          });
      changes.add("%d members instead of %d".formatted(count, status.raidDisks()));
    }
    if (request.sizeBytes().isPresent()) {
      long sectors = NodeService.sectors(array, request);
      of(
          array,
          () -> {
            dryRun(array).growSize(sectors, request.force());
            return request;
          });
      changes.add(
          "%s instead of %s"
              .formatted(
                  ByteSize.text(sectors * SectorRange.SECTOR_BYTES),
                  ByteSize.text(status.sizeSectors() * SectorRange.SECTOR_BYTES)));
    }
    return "%s would have %s".formatted(array.name(), String.join(" and ", changes));
  }

  /** What an ejection would do. */
  static String eject(ClusterMembers members, NodeRequest.Eject request) throws ArrayException {
    ClusterMembers.Member victim =
        members.nodes().stream()
            .filter(node ->
                node.name().equals(request.node())
                    || request.node().equals(Integer.toString(node.number())))
            .findFirst()
            .orElseThrow(() ->
                ArrayException.failed(
                    "cluster %s has no node %s; it has %s"
                        .formatted(
                            members.cluster(),
                            request.node(),
                            members.nodes().stream()
                                .map(ClusterMembers.Member::name)
                                .collect(joining(", ")))));
    if (victim.name().equals(members.self())) {
      throw ArrayException.failed(
          "node %s cannot eject itself; leave does what it can".formatted(victim.name()));
    }
    String slots =
        victim.slots().stream()
            .map(slot -> "slot %d of %s".formatted(slot.slot(), slot.array()))
            .collect(joining(", "));
    return "%s (number %d, incarnation %d, %s) would be ejected and its clients get errors; %s"
        .formatted(
            victim.name(),
            victim.number(),
            victim.incarnation(),
            victim.state(),
            slots.isEmpty()
                ? "it shares no array with this node"
                : slots
                    + " would be taken over when its lease is over"
                    + (request.fenced()
                        ? ""
                        : " and the fence command, if there is one, says yes"));
  }

  private interface Looker<T> {
    T look(DryRun run, BlockDevice disk) throws IOException;
  }

  private <T> T looked(NodeArray array, String disk, Looker<T> looker) throws IOException {
    var seen = new AtomicReference<T>();
    return of(
        array,
        () -> {
          arrays.look(array, disk, device -> seen.set(looker.look(dryRun(array), device)));
          return seen.get();
        });
  }

  private interface Check<T> {
    T make() throws IOException;
  }

  private static <T> T of(NodeArray array, Check<T> check) throws IOException {
    try {
      return check.make();
    } catch (ArrayException e) {
      throw e.about(array.name());
    }
  }

  private static DryRun dryRun(NodeArray array) {
    return array.mirror().array().members().dryRun();
  }
}
