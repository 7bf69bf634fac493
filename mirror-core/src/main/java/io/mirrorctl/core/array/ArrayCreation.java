package io.mirrorctl.core.array;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BadBlockLog;
import io.mirrorctl.core.format.BitmapArea;
import io.mirrorctl.core.format.BitmapHeader;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.ClaimArea;
import io.mirrorctl.core.format.Feature;
import io.mirrorctl.core.format.ForeignData;
import io.mirrorctl.core.format.MemberLayout;
import io.mirrorctl.core.format.Superblock;
import io.mirrorctl.core.format.SuperblockCodec;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * Makes a new array of disks: {@link #plan} checks everything and writes nothing, {@link #write}
 * does what was planned.
 */
public final class ArrayCreation {
  private static final int MAX_MEMBERS = 8;
  private static final int DAEMON_SLEEP_SECONDS = 5;
  private static final int MAX_SET_NAME_BYTES = 31;
  private static final int MAX_CLUSTER_NAME_BYTES = 63;

  /**
   * What is wanted.
   *
   * @param setName the array's name as the superblocks tell it, at most 31 bytes
   * @param members disks with a role, in the order of the roles
   * @param spares disks without
   * @param writeMostly which of the members are read only when no other can be
   * @param bitmap kind of bitmap
   * @param slots bitmap slots of a clustered array, else not looked at
   * @param clusterName for a clustered array, else empty
   * @param chunkBytes bitmap chunk; 0 for the default
   * @param sizeSectors sectors to use of each member; 0 for as many as possible
   * @param assumeClean the members are taken to be equal: nothing is resynced
   * @param force also on disks that hold other data
   */
  public record Request(
      String setName,
      List<? extends BlockDevice> members,
      List<? extends BlockDevice> spares,
      List<? extends BlockDevice> writeMostly,
      BitmapKind bitmap,
      int slots,
      String clusterName,
      long chunkBytes,
      long sizeSectors,
      boolean assumeClean,
      boolean force) {}

  private final Request request;
  private final UUID setUuid;
  private final ImmutableList<BlockDevice> disks;
  private final ImmutableList<MemberLayout> layouts;
  private final Env env;

  private ArrayCreation(
      Request request,
      UUID setUuid,
      ImmutableList<BlockDevice> disks,
      ImmutableList<MemberLayout> layouts,
      Env env) {
    this.request = request;
    this.setUuid = setUuid;
    this.disks = disks;
    this.layouts = layouts;
    this.env = env;
  }

  /** Looks whether the array can be made. */
  public static ArrayCreation plan(Request request, Env env) throws IOException {
    if (request.members().isEmpty() || request.members().size() > MAX_MEMBERS) {
      throw ArrayException.failed("an array has 1 to %d members".formatted(MAX_MEMBERS));
    }
    if (request.bitmap() == BitmapKind.CLUSTERED && !request.writeMostly().isEmpty()) {
      throw ArrayException.failed(
          "write-mostly members and a clustered bitmap do not go together: nodes must agree on whom they read");
    }
    checkName("array name", request.setName(), MAX_SET_NAME_BYTES);
    checkName("cluster name", request.clusterName(), MAX_CLUSTER_NAME_BYTES);
    ImmutableList<BlockDevice> disks =
        ImmutableList.<BlockDevice>builder()
            .addAll(request.members())
            .addAll(request.spares())
            .build();
    for (BlockDevice disk : disks) {
      checkEmpty(disk, request.force());
      ClaimGuard.check(disk, env);
    }
    long smallest = disks.stream().mapToLong(ArrayCreation::sectors).min().orElseThrow();
    BlockDevice smallestDisk = smallestOf(disks, smallest);
    MemberLayout layout = layout(request, smallest, request.sizeSectors(), smallestDisk);
    long unit = unitSectors(disks);
    if (layout.size() % unit != 0) {
      layout = layout(request, smallest, layout.size() / unit * unit, smallestDisk);
    }
    ImmutableList.Builder<MemberLayout> layouts = ImmutableList.builder();
    for (BlockDevice disk : disks) {
      layouts.add(required(layout.on(sectors(disk)), disk));
    }
    return new ArrayCreation(request, env.randomUuid(), disks, layouts.build(), env);
  }

  private static void checkName(String what, String name, int most) throws ArrayException {
    int bytes = name.getBytes(UTF_8).length;
    if (bytes > most) {
      throw ArrayException.failed(
          "%s \"%s\" has %d bytes, more than %d".formatted(what, name, bytes, most));
    }
  }

  private static MemberLayout layout(
      Request request, long deviceSectors, long size, BlockDevice disk) throws ArrayException {
    return required(
        MemberLayout.plan(
            deviceSectors, size, request.bitmap(), request.slots(), request.chunkBytes()),
        disk);
  }

  /** Sectors of 512 bytes in the largest sector of all disks: the array ends with a whole one. */
  private static long unitSectors(List<BlockDevice> disks) {
    return disks.stream()
        .mapToLong(disk -> disk.blockSizes().minimum() / SectorRange.SECTOR_BYTES)
        .reduce(1, Math::max);
  }

  private static BlockDevice smallestOf(List<BlockDevice> disks, long sectors) {
    return disks.stream().filter(disk -> sectors(disk) == sectors).findFirst().orElseThrow();
  }

  private static long sectors(BlockDevice disk) {
    return disk.sizeBytes() / SectorRange.SECTOR_BYTES;
  }

  private static MemberLayout required(MemberLayout.Outcome outcome, BlockDevice disk)
      throws ArrayException {
    return switch (outcome) {
      case MemberLayout.Outcome.Fits fits -> fits.layout();
      case MemberLayout.Outcome.Refused refused ->
          throw ArrayException.failed(disk.name() + ": " + refused.reason());
    };
  }

  private static void checkEmpty(BlockDevice disk, boolean force) throws IOException {
    Optional<String> foreign = ForeignData.find(disk);
    if (foreign.isPresent() && !force) {
      throw ArrayException.refused(
          "%s holds %s; --force overwrites it".formatted(disk.name(), foreign.get()));
    }
  }

  /** The UUID the array gets. */
  public UUID setUuid() {
    return setUuid;
  }

  /** How each member is laid out. */
  public MemberLayout layout() {
    return layouts.getFirst();
  }

  /**
   * Writes bitmaps, then superblocks; a disk that has its superblock has all the rest. If it fails
   * half-way, the disks done so far carry an array of which members are missing.
   */
  public void write() throws IOException {
    for (int number = 0; number < disks.size(); number++) {
      writeBeforeSuperblock(disks.get(number), layouts.get(number));
    }
    long now = Superblock.toRawTime(env.wallClock().instant()); // one: members must agree on ctime
    for (int number = 0; number < disks.size(); number++) {
      disks
          .get(number)
          .write(
              Superblock.SUPER_OFFSET * SectorRange.SECTOR_BYTES,
              SuperblockCodec.encode(superblock(number, now)),
              WriteOption.ONLY_DURABLE);
    }
  }

  private void writeBeforeSuperblock(BlockDevice disk, MemberLayout layout) throws IOException {
    Optional<BitmapArea> area = layout.bitmapArea();
    if (area.isPresent()) {
      for (int slot = 0; slot < layout.slots(); slot++) {
        if (slot == 0 && !request.assumeClean()) {
          EmptySlot.writeAllDirty(disk, area.get(), slot, header(layout));
        } else {
          EmptySlot.write(disk, area.get(), slot, header(layout));
        }
      }
    }
    Optional<ClaimArea> claims = layout.claimArea();
    if (claims.isPresent() && ClaimArea.fits(disk)) {
      claims.get().clear(disk);
    }
    if (layout.bblogSize() > 0) {
      disk.write(
          (Superblock.SUPER_OFFSET + layout.bblogOffset()) * SectorRange.SECTOR_BYTES,
          BadBlockLog.EMPTY.encode(0, layout.bblogSize()),
          WriteOption.NONE);
    }
    disk.flush();
  }

  private BitmapHeader header(MemberLayout layout) {
    boolean clustered = layout.bitmapKind() == BitmapKind.CLUSTERED;
    return BitmapHeader.builder()
        .version(clustered ? BitmapHeader.VERSION_CLUSTERED : BitmapHeader.VERSION_INTERNAL)
        .uuid(setUuid)
        .syncSize(layout.size())
        .chunksize(layout.bitmapChunkBytes())
        .daemonSleep(DAEMON_SLEEP_SECONDS)
        .nodes(clustered ? layout.slots() : 0)
        .clusterName(clustered ? request.clusterName() : "")
        .build();
  }

  private Superblock superblock(int number, long now) {
    MemberLayout layout = layouts.get(number);
    BlockDevice disk = disks.get(number);
    Superblock.Builder builder =
        Superblock.builder()
            .setUuid(setUuid)
            .setName(request.setName())
            .ctime(now)
            .utime(now)
            .level(1)
            .size(layout.size())
            .raidDisks(request.members().size())
            .dataOffset(layout.dataOffset())
            .dataSize(layout.dataSize())
            .superOffset(Superblock.SUPER_OFFSET)
            .devNumber(number)
            .deviceUuid(env.randomUuid())
            .devflags(request.writeMostly().contains(disk) ? Superblock.WRITE_MOSTLY : 0)
            .bblogSize(layout.bblogSize())
            .bblogOffset(layout.bblogOffset())
            .resyncOffset(request.assumeClean() ? Superblock.MAX_SECTOR : 0)
            .devRoles(roles());
    if (layout.bitmapKind() != BitmapKind.NONE) {
      builder.with(Feature.BITMAP_OFFSET).bitmapOffset(MemberLayout.BITMAP_OFFSET);
    }
    if (layout.bitmapKind() == BitmapKind.CLUSTERED) {
      builder.with(Feature.CLUSTERED);
    }
    return builder.build();
  }

  /** As long as mdadm makes it: the superblock fills whole sectors. */
  private ImmutableIntArray roles() {
    int bytes = 256 + 2 * disks.size();
    int length =
        (Math.ceilDiv(bytes, SectorRange.SECTOR_BYTES) * SectorRange.SECTOR_BYTES - 256) / 2;
    int[] roles = new int[length];
    Arrays.fill(roles, Superblock.ROLE_SPARE);
    for (int role = 0; role < request.members().size(); role++) {
      roles[role] = role;
    }
    return ImmutableIntArray.copyOf(roles);
  }
}
