package io.mirrorctl.cli.daemon;

import static com.google.common.collect.ImmutableSet.toImmutableSet;

import com.google.common.collect.ImmutableSet;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.array.MemberState;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/**
 * How an array that was in use comes back by itself: with all disks that it was asked for with or
 * had since, as any may have been taken back meanwhile, and without {@code --run} or {@code
 * --force}: that was somebody's word for then, and others may have written since to a disk that is
 * not at hand now.
 *
 * @param array its UUID
 * @param spares disks that no superblock asks for, so that they are waited for
 */
record Comeback(NodeRequest.Assemble request, UUID array, ImmutableSet<String> spares) {

  /** That of an array as it is now. */
  static Comeback of(NodeArray array) {
    NodeRequest.Assemble first = array.request();
    ArrayStatus status = array.mirror().array().status();
    Set<String> disks = new LinkedHashSet<>(); // by the names they have now, if there are several
    status.members().forEach(member -> disks.add(member.disk()));
    disks.addAll(first.disks());
    return new Comeback(
        new NodeRequest.Assemble(
            first.array(), new ArrayList<>(disks), false, false, false, first.coherent()),
        status.uuid(),
        status.members().stream()
            .filter(member -> member.state() instanceof MemberState.Spare)
            .map(ArrayStatus.MemberStatus::disk)
            .collect(toImmutableSet()));
  }

  /** The request, with some of its disks. */
  NodeRequest.Assemble with(List<String> disks) {
    return new NodeRequest.Assemble(
        request.array(), disks, false, false, false, request.coherent());
  }
}
