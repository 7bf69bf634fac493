package io.mirrorctl.cli.daemon;

import com.google.common.base.Strings;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MdUuid;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * What a scan is to do about an array, decided from what was seen. Pure: reads and starts nothing.
 *
 * @param name on this node
 * @param uuid the array, if it was seen or is configured
 */
record ArrayChoice(String name, Optional<UUID> uuid, Verdict verdict) {

  /** What to do. */
  sealed interface Verdict {
    /** It is to be assembled, which may still be refused. */
    record Start(NodeRequest.Assemble request) implements Verdict {}

    /** The node has it in use. */
    record Running() implements Verdict {}

    /** It is wanted and cannot be assembled. */
    record Missing(String reason) implements Verdict {}

    /** It is not for this node to take without being told to. */
    record Foreign(String reason) implements Verdict {}
  }

  /**
   * Who looks.
   *
   * @param cluster that the node belongs to
   * @param host its name, which superblocks of this host's own arrays begin with
   */
  record Looker(Optional<String> cluster, String host) {}

  /** The configured arrays, in their order. */
  static List<ArrayChoice> configured(
      Collection<WantedArray> wanted, DiskSearch.Look look, Map<String, UUID> running) {
    List<ArrayChoice> choices = new ArrayList<>();
    for (WantedArray array : wanted) {
      boolean runs =
          running.containsKey(array.name())
              || array.uuid().filter(running::containsValue).isPresent();
      Optional<UUID> uuid = array.uuid().or(() -> Optional.ofNullable(running.get(array.name())));
      choices.add(
          new ArrayChoice(array.name(), uuid, runs ? new Verdict.Running() : start(array, look)));
    }
    return choices;
  }

  private static Verdict start(WantedArray array, DiskSearch.Look look) {
    if (array.uuid().isEmpty()) {
      return new Verdict.Start(array.from(array.disks()));
    }
    List<String> members =
        look.members().stream()
            .filter(found -> found.superblock().setUuid().equals(array.uuid().get()))
            .map(DiskSearch.Found::disk)
            .toList();
    return members.isEmpty()
        ? new Verdict.Missing(
            "none of the %d disks that were looked at is a member of %s%s"
                .formatted(
                    look.looked(),
                    MdUuid.format(array.uuid().get()),
                    look.unreadable().isEmpty()
                        ? ""
                        : ", and not all could be read: " + String.join("; ", look.unreadable())))
        : new Verdict.Start(array.from(members));
  }

  /** All arrays of which a disk was seen, in the order of their disks. */
  static List<ArrayChoice> found(DiskSearch.Look look, Map<String, UUID> running, Looker looker) {
    Map<UUID, List<DiskSearch.Found>> groups = new LinkedHashMap<>();
    for (DiskSearch.Found found : look.members()) {
      groups.computeIfAbsent(found.superblock().setUuid(), _ -> new ArrayList<>()).add(found);
    }
    Map<UUID, String> names = new HashMap<>();
    running.forEach((name, uuid) -> names.put(uuid, name));
    Set<String> taken = new HashSet<>(running.keySet());
    List<ArrayChoice> choices = new ArrayList<>();
    groups.forEach((uuid, members) -> {
      String name = nameOf(members.getFirst());
      if (names.containsKey(uuid)) {
        choices.add(new ArrayChoice(names.get(uuid), Optional.of(uuid), new Verdict.Running()));
        return;
      }
      Verdict verdict = verdict(name, members, looker);
      if (verdict instanceof Verdict.Start && !taken.add(name)) {
        verdict =
            new Verdict.Missing(
                "another array has that name; give this one a name in the configuration file, by its uuid");
      }
      choices.add(new ArrayChoice(name, Optional.of(uuid), verdict));
    });
    return choices;
  }

  private static Verdict verdict(String name, List<DiskSearch.Found> members, Looker looker) {
    DiskSearch.Found first = members.getFirst();
    Optional<Verdict> foreign =
        first.kind() == BitmapKind.CLUSTERED
            ? otherCluster(first, looker)
            : otherHost(first, looker);
    if (foreign.isPresent()) {
      return foreign.get();
    }
    if (!ArrayNames.isOne(name)) {
      return new Verdict.Missing(
          "the name in its superblocks cannot be one here; give it one in the configuration file, by its uuid");
    }
    return new Verdict.Start(
        new NodeRequest.Assemble(
            name,
            members.stream().map(DiskSearch.Found::disk).toList(),
            false,
            false,
            false,
            false));
  }

  private static Optional<Verdict> otherCluster(DiskSearch.Found member, Looker looker) {
    String cluster = member.cluster().isEmpty() ? "a cluster" : "cluster " + member.cluster();
    if (looker.cluster().isEmpty()) {
      return foreign("it is for the nodes of %s, and this node belongs to none".formatted(cluster));
    }
    return member.cluster().isEmpty() || member.cluster().equals(looker.cluster().get())
        ? Optional.empty()
        : foreign(
            "it is for the nodes of %s, and this node belongs to cluster %s"
                .formatted(cluster, looker.cluster().get()));
  }

  /** Another host that sees the same disks may have it in use, and nothing on them would tell. */
  private static Optional<Verdict> otherHost(DiskSearch.Found member, Looker looker) {
    String full = member.superblock().setName();
    int colon = full.indexOf(':');
    String host = colon < 0 ? "" : full.substring(0, colon);
    return host.isEmpty() || host.equals(looker.host())
        ? Optional.empty()
        : foreign(
            "it was made on host %s, which may have it in use; name it in the configuration file, by its uuid, if it is this node's"
                .formatted(host));
  }

  private static Optional<Verdict> foreign(String reason) {
    return Optional.of(new Verdict.Foreign(reason));
  }

  /** The name in the superblock without host or cluster. */
  private static String nameOf(DiskSearch.Found member) {
    String full = Strings.nullToEmpty(member.superblock().setName());
    return full.substring(full.indexOf(':') + 1);
  }
}
