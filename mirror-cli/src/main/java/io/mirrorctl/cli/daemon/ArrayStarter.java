package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterSeat;
import io.mirrorctl.cli.nbd.NodeIdentity;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.LocalMirror;
import io.mirrorctl.core.Mirror;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.array.ArrayIdentity;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLogRead;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.MemberMetadata;
import io.mirrorctl.core.format.SuperblockRead;
import io.mirrorctl.dlm.cluster.ClusterNode;
import io.mirrorctl.dlm.cluster.Coherence;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Assembles arrays: on a node of a cluster those with a clustered bitmap together with other nodes,
 * all others for this node alone.
 *
 * <p>Threading: any thread.
 */
final class ArrayStarter {
  private final String node;
  private final Disks disks;
  private final Optional<ClusterSeat> seat;
  private final Announcements announcements;
  private final Env env;

  /** Members that are open, by name. */
  private final ConcurrentMap<String, MeteredDisk> open = new ConcurrentHashMap<>();

  /**
   * @param node what people call this node
   */
  ArrayStarter(
      String node, Disks disks, Optional<ClusterSeat> seat, Announcements announcements, Env env) {
    this.node = node;
    this.disks = disks;
    this.seat = seat;
    this.announcements = announcements;
    this.env = env;
  }

  Mirror start(NodeRequest.Assemble request) throws IOException {
    try {
      if (seat.isPresent()) {
        ArrayIdentity identity = identity(request.disks());
        if (identity.kind() == BitmapKind.CLUSTERED) {
          return share(request, identity, seat.get());
        }
      }
      if (request.coherent()) {
        throw new CommandException(
            ExitCode.USAGE,
            "%s: --coherent orders the requests of several nodes, but this array is for this node alone; leave it out"
                .formatted(request.array()));
      }
      DeviceAccess access =
          request.readOnly() ? new DeviceAccess.ReadOnly() : new DeviceAccess.Exclusive();
      return LocalMirror.assemble(
          request.array(),
          OpenDisks.open(request.disks(), disk -> metered(disks.open(disk, access))).devices(),
          options(request).claimedBy(node),
          env);
    } catch (ArrayException e) {
      throw e.about(request.array());
    }
  }

  private ArrayIdentity identity(List<String> names) throws IOException {
    try (OpenDisks looked = OpenDisks.open(disks, names, new DeviceAccess.ReadOnly())) {
      return ArrayIdentity.read(looked.devices());
    }
  }

  private Mirror share(NodeRequest.Assemble request, ArrayIdentity identity, ClusterSeat in)
      throws IOException {
    if (request.readOnly()) {
      throw new CommandException(
          ExitCode.USAGE,
          "%s: a shared array cannot be assembled read-only; to only look at it use a node without --cluster"
              .formatted(request.array()));
    }
    ClusterNode joined = in.node();
    OpenDisks.Opener opener = openerFor(joined, in, identity.uuid());
    return joined.assemble(
        request.array(),
        OpenDisks.open(request.disks(), opener).devices(),
        options(request),
        request.coherent() ? Coherence.RANGE_LOCKS : Coherence.CLIENTS,
        announced -> announcements.find(announced, opener));
  }

  private OpenDisks.Opener openerFor(ClusterNode joined, ClusterSeat in, UUID array) {
    var access = new DeviceAccess.SharedBy(in.cluster() + "/" + array);
    var self = new NodeIdentity(joined.ensemble(), joined.self().node(), joined.self().number());
    return disk -> metered(disks.open(disk, access, self));
  }

  /**
   * What brings an array back now: its disks that can be read and still belong to it. A disk that
   * cannot is left out if the superblocks of the others do not count on it.
   *
   * @throws IOException if they do, or it was a spare, saying why it cannot be read
   */
  NodeRequest.Assemble now(Comeback wanted) throws IOException {
    List<String> there = new ArrayList<>();
    Set<UUID> seen = new HashSet<>();
    IOException missed = null;
    for (String disk : wanted.request().disks()) {
      try (BlockDevice device = disks.open(disk, new DeviceAccess.ReadOnly())) {
        if (member(device, wanted.array()).filter(seen::add).isPresent()) {
          there.add(disk);
        }
      } catch (IOException e) {
        if (wanted.spares().contains(disk)) {
          throw e;
        }
        missed = missed == null ? e : missed;
      }
    }
    try (OpenDisks looked = OpenDisks.open(disks, there, new DeviceAccess.ReadOnly())) {
      ArrayIdentity.checkWhole(looked.devices());
    } catch (ArrayException e) {
      if (missed != null) {
        missed.addSuppressed(e);
        throw missed;
      }
      throw e.about(wanted.request().array());
    }
    return wanted.with(there);
  }

  /** The UUID of a disk that belongs to the array. */
  private static Optional<UUID> member(BlockDevice device, UUID array) throws IOException {
    MemberMetadata metadata = MemberMetadata.read(device);
    return metadata.superblock() instanceof SuperblockRead.Valid(var own)
            && own.setUuid().equals(array)
            && !(metadata.badBlockLog() instanceof BadBlockLogRead.Corrupt)
        ? Optional.of(own.deviceUuid())
        : Optional.empty();
  }

  private MeteredDisk metered(BlockDevice device) {
    var disk = new MeteredDisk(device, env.ticker(), gone -> open.remove(gone.name(), gone));
    open.put(disk.name(), disk);
    return disk;
  }

  /** A member that is in use, by the name that its array knows. */
  Optional<MeteredDisk> disk(String name) {
    return Optional.ofNullable(open.get(name));
  }

  /** All members that are in use. */
  Collection<MeteredDisk> openDisks() {
    return open.values();
  }

  /** What people call a node of the cluster. May block. */
  String nameOf(int node) {
    return seat.map(s -> s.nameOf(node)).orElse(Integer.toString(node));
  }

  private static ArrayOptions options(NodeRequest.Assemble request) {
    return ArrayOptions.DEFAULT
        .withReadOnly(request.readOnly())
        .withRun(request.run())
        .withForce(request.force());
  }

  /** Opens a disk that an array is to get. */
  BlockDevice openFor(NodeArray array, String disk) throws IOException {
    if (array.shared().isPresent() && seat.isPresent()) {
      ClusterSeat in = seat.get();
      return openerFor(in.node(), in, array.mirror().array().status().uuid()).open(disk);
    }
    return metered(disks.open(disk, new DeviceAccess.Exclusive()));
  }
}
