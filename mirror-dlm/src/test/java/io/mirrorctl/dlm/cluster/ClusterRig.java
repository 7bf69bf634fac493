package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.array.ArrayStatus;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.dlm.lock.SlotState;
import io.mirrorctl.dlm.member.FenceAgent;
import io.mirrorctl.dlm.member.Heartbeat;
import io.mirrorctl.dlm.member.MemberSettings;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.Sessions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;

/** Nodes in this process that share an array on real files, and real servers. */
final class ClusterRig implements AutoCloseable {
  static final int CHUNK = 64 << 10;
  static final Duration PATIENCE = Duration.ofSeconds(60);

  /** A session of 3 s. */
  static final Heartbeat QUICK = new Heartbeat(100, 5, 6);

  private static final int FILE_BYTES = 24 << 20;

  private final Path directory;
  private EmbeddedZooKeeper servers;
  private Heartbeat heartbeat = QUICK;
  private Coherence coherence = Coherence.CLIENTS;
  private PathPolicy paths = PathPolicy.LEAVE;
  private final List<Path> files = new ArrayList<>();
  private final List<Node> nodes = new CopyOnWriteArrayList<>();

  /** As long as their processes live. */
  private final Map<Integer, LateWrites> late = new ConcurrentHashMap<>();

  private ClusterRig(Path directory) throws Exception {
    this.directory = directory;
    this.servers = EmbeddedZooKeeper.start(options());
  }

  /** An array of two members and so many slots, its members equal. */
  static ClusterRig start(Path directory, int slots) throws Exception {
    return start(directory, slots, 2);
  }

  static ClusterRig start(Path directory, int slots, int members) throws Exception {
    var rig = new ClusterRig(directory);
    rig.create(slots, members);
    return rig;
  }

  /** The same disks, but other servers: a cluster of the same name that knows nothing of this. */
  ClusterRig onOtherServers(Path otherDirectory) throws Exception {
    var other = new ClusterRig(otherDirectory);
    other.files.addAll(files);
    return other;
  }

  List<Path> files() {
    return files;
  }

  private void create(int slots, int members) throws IOException {
    List<FileDevice> devices = new ArrayList<>();
    for (int i = 0; i < members; i++) {
      Path file = directory.resolve("member" + i);
      try (var created = new RandomAccessFile(file.toFile(), "rw")) {
        created.setLength(FILE_BYTES);
      }
      files.add(file);
      devices.add(FileDevice.open(file, new DeviceAccess.Exclusive()));
    }
    ArrayCreation.plan(
            new ArrayCreation.Request(
                "any:shared",
                devices,
                List.of(),
                List.of(),
                BitmapKind.CLUSTERED,
                slots,
                "c",
                CHUNK,
                0,
                true,
                false),
            Env.system())
        .write();
    for (FileDevice device : devices) {
      device.close();
    }
  }

  /** A disk that is no member yet. */
  Path newDisk(String name) throws IOException {
    Path file = directory.resolve(name);
    try (var created = new RandomAccessFile(file.toFile(), "rw")) {
      created.setLength(FILE_BYTES);
    }
    return file;
  }

  /** For nodes to come. */
  void coherence(Coherence other) {
    coherence = other;
  }

  /** For nodes to come. */
  void heartbeat(Heartbeat other) {
    heartbeat = other;
  }

  /** For nodes to come. */
  void paths(PathPolicy other) {
    paths = other;
  }

  void stopServers() {
    servers.close();
  }

  /** At the same address, with all they knew. */
  void startServers() throws Exception {
    int port = Integer.parseInt(servers.connectString().replaceAll(".*:", ""));
    servers = EmbeddedZooKeeper.start(options().withPort(port));
  }

  private EmbeddedZooKeeper.Options options() {
    return EmbeddedZooKeeper.Options.in(directory.resolve("servers"))
        .withTick(Duration.ofMillis(500));
  }

  /** Has the servers end a node's session. */
  void expire(Node node) {
    Sessions.expire((ZooKeeperStore) node.node.membership().store(), servers.connectString());
  }

  /** A node of the cluster, with the array. */
  Node node(int number) throws IOException {
    Node node = member(number);
    node.assemble();
    return node;
  }

  /** A node of the cluster, without the array. */
  Node member(int number) throws IOException {
    var node = new Node(number);
    nodes.add(node);
    return node;
  }

  /** What every member holds at this offset of the array; all must hold the same. */
  byte[] onMembers(long offset, int length) throws IOException {
    byte[] first = onMember(0, offset, length);
    for (int i = 1; i < files.size(); i++) {
      assertThat(onMember(i, offset, length)).as("member %d at %d", i, offset).isEqualTo(first);
    }
    return first;
  }

  /** What this member holds at this offset of the array. */
  byte[] onMember(int number, long offset, int length) throws IOException {
    return onDisk(files.get(number), offset, length);
  }

  /** The same of a disk that came later. */
  static byte[] onDisk(Path disk, long offset, int length) throws IOException {
    return raw(disk, dataOffset(disk) + offset, length);
  }

  /** Writes to one member behind the array's back. */
  void corrupt(int number, long offset, byte[] data) throws IOException {
    try (var file = new RandomAccessFile(files.get(number).toFile(), "rw")) {
      file.seek(dataOffset(number) + offset);
      file.write(data);
    }
  }

  /** Where the data of the array begins on a member, in bytes. */
  long dataOffset(int number) throws IOException {
    return dataOffset(files.get(number));
  }

  private static long dataOffset(Path disk) throws IOException {
    return superblock(disk).getLong(128) * 512;
  }

  /** The superblock's resync_offset, in sectors. */
  long resyncOffset(int number) throws IOException {
    return superblock(files.get(number)).getLong(208);
  }

  /** The superblock's events. */
  long events(int number) throws IOException {
    return superblock(files.get(number)).getLong(200);
  }

  private static ByteBuffer superblock(Path disk) throws IOException {
    return ByteBuffer.wrap(raw(disk, 4096, 256)).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** What stands on a member, its metadata too. */
  byte[] raw(int number, long offset, int length) throws IOException {
    return raw(files.get(number), offset, length);
  }

  /** Bytes of a disk as they are. */
  static byte[] raw(Path disk, long offset, int length) throws IOException {
    try (var file = new RandomAccessFile(disk.toFile(), "r")) {
      byte[] data = new byte[length];
      file.seek(offset);
      file.readFully(data);
      return data;
    }
  }

  static byte[] bytes(int fill, int length) {
    byte[] data = new byte[length];
    Arrays.fill(data, (byte) fill);
    return data;
  }

  /** One incarnation. */
  final class Node {
    private final ClusterNode node;
    private final List<MemberFile> members = new ArrayList<>();
    private final List<String> halts = new CopyOnWriteArrayList<>();
    private final List<DiskFinder.Announcement> announced = new CopyOnWriteArrayList<>();
    private volatile boolean finds = true;
    private Optional<ClusterArray> array = Optional.empty();
    private MemberFile.Hook firstHook = (_, _) -> {};
    private MemberFile.Hook firstReadHook = (_, _) -> {};

    private Node(int number) throws IOException {
      node =
          ClusterNode.join(
              new ClusterNode.Self(
                  "c", "node" + number, late.computeIfAbsent(number, _ -> new LateWrites())),
              MemberSettings.of(number).with(heartbeat),
              loop ->
                  timeout ->
                      ZooKeeperStore.connect(
                              ZooKeeperOptions.of(servers.connectString(), "/cluster")
                                  .withSessionTimeout(timeout),
                              loop)
                          .thenApply(Store.class::cast),
              FenceAgent.none(),
              paths,
              Env.system(),
              new ClusterNode.Listener() {
                @Override
                public void halted(String reason) {
                  halts.add(reason);
                }
              });
    }

    /** Of writes to the members of the next assembly, from its start. */
    void hookMembers(MemberFile.Hook hook) {
      firstHook = hook;
    }

    /** Of reads of the members, those of the next assembly too. */
    void hookReads(MemberFile.Hook hook) {
      firstReadHook = hook;
      members.forEach(member -> member.readHook(hook));
    }

    void assemble() throws IOException {
      assemble(ArrayOptions.DEFAULT);
    }

    void assemble(ArrayOptions options) throws IOException {
      members.clear();
      for (Path file : files) {
        var member = open(file);
        member.hook(firstHook);
        member.readHook(firstReadHook);
        members.add(member);
      }
      array = Optional.of(node.assemble("shared", members, options, coherence, this::find));
    }

    private DiskFinder.Result find(DiskFinder.Announcement announcement) throws IOException {
      announced.add(announcement);
      if (!finds) {
        return new DiskFinder.NotFound();
      }
      return new DiskFinder.Found(open(Path.of(announcement.disk())));
    }

    /** Whether it finds disks that others add. */
    void finds(boolean next) {
      finds = next;
    }

    List<DiskFinder.Announcement> announced() {
      return announced;
    }

    /** For an array that others have, too. */
    MemberFile open(Path file) throws IOException {
      return new MemberFile(FileDevice.open(file, new DeviceAccess.SharedBy("c/shared")));
    }

    ClusterNode node() {
      return node;
    }

    ClusterArray array() {
      return array.orElseThrow();
    }

    MemberFile member(int index) {
      return members.get(index);
    }

    List<String> halts() {
      return halts;
    }

    ArrayStatus status() {
      return array().array().status();
    }

    /** The states of the members, by number. */
    List<String> states() {
      return status().members().stream().map(member -> member.state().word()).toList();
    }

    void write(long offset, int fill, int length) throws IOException {
      array().device().write(offset, ByteBuffer.wrap(bytes(fill, length)), WriteOption.NONE);
    }

    /** Fills the range with copies of the value. */
    void write(long offset, long value, int length) throws IOException {
      ByteBuffer data = ByteBuffer.allocate(length);
      while (data.hasRemaining()) {
        data.putLong(value);
      }
      array().device().write(offset, data.flip(), WriteOption.NONE);
    }

    /** Begins to write 4 KiB. */
    CompletableFuture<Void> writing(long offset, int fill) {
      return CompletableFuture.runAsync(() -> {
        try {
          write(offset, fill, 4096);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      });
    }

    /** Begins to write 4 KiB; tells whether that was done. */
    CompletableFuture<Boolean> tryWriting(long offset, int fill) {
      return CompletableFuture.supplyAsync(() -> {
        try {
          write(offset, fill, 4096);
          return true;
        } catch (IOException e) {
          return false;
        }
      });
    }

    byte[] read(long offset, int length) throws IOException {
      byte[] data = new byte[length];
      ByteBuffer into = ByteBuffer.allocateDirect(length);
      array().device().read(offset, into);
      into.flip().get(data);
      return data;
    }

    List<SlotState> slots() {
      return array().lockspace().view().slots();
    }

    /** Waits until the slot's last node is gone and its bits are taken over. */
    void awaitFree(int slot) {
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> assertThat(slots().get(slot)).isEqualTo(new SlotState.Free()));
    }

    /** Waits until these incarnations have slots, and nobody else. */
    void awaitMembers(Node... nodes) {
      Set<Long> expected =
          Arrays.stream(nodes)
              .map(other -> other.node.membership().standing().incarnation())
              .collect(Collectors.toSet());
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(
                      slots().stream()
                          .filter(SlotState.Member.class::isInstance)
                          .map(slot -> ((SlotState.Member) slot).incarnation())
                          .collect(Collectors.toSet()))
                  .isEqualTo(expected));
    }

    /** Waits until no slot waits for a takeover and everything is copied. */
    void awaitQuiet() {
      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> {
            assertThat(slots()).noneMatch(SlotState.NeedsTakeover.class::isInstance);
            assertThat(array().sync().isIdle()).isTrue();
            assertThat(status().neededChunks()).isZero();
          });
    }

    /** Ends without a word. */
    void die() {
      nodes.remove(this);
      node.close();
    }

    void leave() throws IOException {
      nodes.remove(this);
      node.leave();
    }
  }

  @Override
  public void close() throws IOException {
    try {
      nodes.forEach(node -> node.node.close());
    } finally {
      servers.close();
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
  }
}
