package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.daemon.ArrayDetail;
import io.mirrorctl.cli.daemon.NodeRequest;
import io.mirrorctl.core.format.BitmapKind;
import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A member that answers some requests with errors, or vanishes, under a real node. */
class FaultIT {
  private static final long MEMBER_BYTES = 16 << 20;
  private static final int PIECE = 1 << 20;

  @TempDir Path directory;
  private List<Path> images;
  private Superblock superblock;
  private byte[] data;
  private final List<AutoCloseable> open = new ArrayList<>();

  @BeforeEach
  void fillAnArray() throws IOException {
    images = ArrayOnDisks.create(directory, MEMBER_BYTES, 2, BitmapKind.INTERNAL, 65536);
    superblock = MemberFiles.superblock(images.getFirst());
    data = new byte[(int) superblock.size() * WriteLedger.SECTOR];
    new SplittableRandom(7).nextBytes(data);
    for (Path image : images) {
      try (var file = new RandomAccessFile(image.toFile(), "rw")) {
        file.seek(superblock.dataOffset() * WriteLedger.SECTOR);
        file.write(data);
      }
    }
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private byte[] piece(int at) {
    return Arrays.copyOfRange(data, at, Math.min(data.length, at + PIECE));
  }

  /** A sector of the array as a sector of its members. */
  private long onMember(long sector) {
    return superblock.dataOffset() + sector;
  }

  /** Bad sectors so that clients meet some of them, whichever member each unit is read from. */
  private Fault[] oneInEachReadUnit() {
    return LongStream.range(0, data.length / PIECE)
        .mapToObj(unit -> Fault.onRead(onMember(unit * PIECE / WriteLedger.SECTOR + 100)))
        .toArray(Fault[]::new);
  }

  private Path faulty(int member, Fault... faults) {
    var file =
        FuseFaultyFile.inFrontOf(images.get(member), directory.resolve("faulty" + member), faults);
    open.add(file);
    return file.path();
  }

  private ServedArray serve(Path... disks) {
    var array = ServedArray.start(directory, List.of(disks));
    open.add(array);
    return array;
  }

  private RawNbd connect(ServedArray array) throws IOException {
    var client = array.connect();
    open.add(client);
    return client;
  }

  private void assertAllDataIsRight(RawNbd client) throws IOException {
    for (int at = 0; at < data.length; at += PIECE) {
      byte[] found = new byte[piece(at).length];
      assertThat(client.read(at, found)).isZero();
      assertThat(found).as("data from byte %d", at).isEqualTo(piece(at));
    }
  }

  private void write(RawNbd client, int at, int length) throws IOException {
    byte[] fresh = new byte[length];
    new SplittableRandom(at).nextBytes(fresh);
    System.arraycopy(fresh, 0, data, at, length);
    assertThat(client.write(at, fresh, false)).isZero();
  }

  private static void fail(ServedArray array, Path disk) throws IOException, InterruptedException {
    array.ask(new NodeRequest.Fail(ServedArray.NAME, disk.toString()), JsonNode.class);
  }

  // ---- reads

  @Test
  void aReadErrorIsMendedFromTheOtherMemberAndCounted() throws Exception {
    Fault[] bad = Arrays.stream(oneInEachReadUnit()).map(Fault::onlyOnce).toArray(Fault[]::new);
    Path disk = faulty(0, bad);
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);

    assertAllDataIsRight(client);
    var scrub = array.check(); // reads the units that clients read from the other member

    assertThat(scrub.complete()).isTrue();
    assertThat(scrub.mismatchBytes()).isZero();
    assertThat(array.member(disk).state()).isEqualTo("in-sync");
    assertThat(array.member(disk).readErrors()).isEqualTo(bad.length);
    assertThat(array.member(images.get(1)).readErrors()).isZero();
  }

  /** A scrub reads every member, also where clients read another one. */
  @Test
  void aCheckTriesToMendEveryReadErrorItMeets() throws Exception {
    Path disk = faulty(0, Fault.onRead(onMember(100)));
    ServedArray array = serve(disk, images.get(1));

    array.check();

    assertThat(array.member(disk).state()).isEqualTo("faulty"); // the sector stays bad
  }

  @Test
  void aMemberWhoseSectorsStayBadIsFailedAndItsDataComeFromTheOther() throws Exception {
    Path disk = faulty(0, oneInEachReadUnit());
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);

    assertAllDataIsRight(client);

    assertThat(array.member(disk).state()).isEqualTo("faulty");
    assertThat(array.member(disk).cause()).isPresent();
    assertThat(array.detail().state()).isEqualTo("degraded");
    assertAllDataIsRight(client);
  }

  @Test
  void aSectorThatTheLastMemberCannotReadIsTheClientsErrorAndTheMemberStays() throws Exception {
    Path disk = faulty(0, Fault.onRead(onMember(800)));
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);
    fail(array, images.get(1));

    assertThat(client.read(800L * 512, new byte[512])).isEqualTo(RawNbd.EIO);
    assertThat(client.read(808L * 512, new byte[4096])).isZero();
    assertThat(array.member(disk).state()).isEqualTo("in-sync");
    write(client, 4 << 20, 65536);
  }

  // ---- writes and flushes

  @Test
  void aWriteErrorFailsTheMemberAndNobodyNoticesButTheOperator() throws Exception {
    Path disk = faulty(0, Fault.onWrite(onMember(2048)));
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);

    write(client, 2000 * 512, 65536);

    ArrayDetail.Member member = array.member(disk);
    assertThat(member.state()).isEqualTo("faulty");
    assertThat(member.index()).isEqualTo(-1);
    assertThat(array.detail().state()).isEqualTo("degraded");
    write(client, 6 << 20, PIECE);
    assertThat(client.flush()).isZero();
    assertAllDataIsRight(client);
  }

  @Test
  void aFailedMemberIsStaleAtTheNextAssemblyAndComesBackByReAdd() throws Exception {
    try (var faulty =
            FuseFaultyFile.inFrontOf(
                images.get(0), directory.resolve("bad"), Fault.onWrite(onMember(2048)));
        var array = ServedArray.start(directory, List.of(faulty.path(), images.get(1)));
        var client = array.connect()) {
      write(client, 2000 * 512, 65536);
      assertThat(array.member(faulty.path()).state()).isEqualTo("faulty");
      write(client, 8 << 20, 65536);
      assertThat(client.flush()).isZero();
    }

    ServedArray array = serve(images.get(0), images.get(1));
    RawNbd client = connect(array);
    assertAllDataIsRight(client);
    assertThat(array.detail().state()).isEqualTo("degraded");
    assertThat(array.detail().notices()).anyMatch(n -> n.contains(images.get(0).toString()));
    array.ask(new NodeRequest.ReAdd(ServedArray.NAME, images.get(0).toString()), JsonNode.class);
    array.awaitIdle();

    assertThat(array.member(images.get(0)).state()).isEqualTo("in-sync");
    assertThat(array.check().mismatchBytes()).isZero();
    assertAllDataIsRight(client);
  }

  @Test
  void aFlushErrorFailsTheMemberAndTheFlushSucceeds() throws Exception {
    Path disk = faulty(0, Fault.onFlush());
    // the assembly flushes, too, and may already have had enough of this disk
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);

    write(client, 1 << 20, 65536);
    assertThat(client.flush()).isZero();

    assertThat(array.member(disk).state()).isEqualTo("faulty");
    assertAllDataIsRight(client);
  }

  @Test
  void theLastMemberIsNeverFailedItsErrorsAreTheClients() throws Exception {
    Path disk = faulty(0, Fault.onWrite(onMember(2048)));
    ServedArray array = serve(disk, images.get(1));
    RawNbd client = connect(array);
    fail(array, images.get(1));

    assertThat(client.write(2048L * 512, new byte[512], false)).isEqualTo(RawNbd.EIO);
    assertThat(client.write(2048L * 512, new byte[4096], true)).isEqualTo(RawNbd.EIO);

    assertThat(array.member(disk).state()).isEqualTo("in-sync");
    write(client, 6 << 20, PIECE);
    assertThat(client.flush()).isZero();
    byte[] found = new byte[PIECE];
    assertThat(client.read(6 << 20, found)).isZero();
    assertThat(found).isEqualTo(piece(6 << 20));
  }

  @Test
  void errorsOfAllMembersAtOnceAreTheClientsAndTheArrayGoesOn() throws Exception {
    Path first = faulty(0, Fault.onWrite(onMember(2048)));
    Path second = faulty(1, Fault.onWrite(onMember(2048)));
    ServedArray array = serve(first, second);
    RawNbd client = connect(array);

    assertThat(client.write(2048L * 512, new byte[512], false)).isEqualTo(RawNbd.EIO);

    assertThat(array.detail().members().stream().map(ArrayDetail.Member::state))
        .contains("in-sync");
    write(client, 6 << 20, PIECE);
    byte[] found = new byte[PIECE];
    assertThat(client.read(6 << 20, found)).isZero();
    assertThat(found).isEqualTo(piece(6 << 20));
  }

  // ---- the whole disk

  @Test
  void aDiskThatIsPulledUnderLoadIsFailedAndNoRequestFails() throws Exception {
    var pulled = FuseFaultyFile.inFrontOf(images.get(0), directory.resolve("pulled"));
    open.add(pulled);
    ServedArray array = serve(pulled.path(), images.get(1));
    RawNbd client = connect(array);
    for (int at = 0; at < 8 << 20; at += 65536) {
      write(client, at, 65536);
      if (at == 2 << 20) {
        pulled.vanish();
      }
    }
    assertThat(client.flush()).isZero();

    assertThat(array.member(pulled.path()).state()).isEqualTo("faulty");
    assertAllDataIsRight(client);
  }

  @Test
  void aComparisonOfStoppedMembersGoesOnBehindABadSector() throws IOException {
    Path faulty = faulty(1, Fault.onRead(onMember(5000)));
    try (var file = new RandomAccessFile(images.get(1).toFile(), "rw")) {
      file.seek(onMember(20_000) * WriteLedger.SECTOR);
      file.write(data[20_000 * WriteLedger.SECTOR] + 1);
    }

    var run = MemberFiles.mirrorctl("compare", "--json", images.get(0), faulty).runToAnyEnd();

    assertThat(run.status()).as(run.toString()).isEqualTo(1);
    JsonNode json = JsonMapper.shared().readTree(run.out());
    assertThat(json.get("rangeCount").asInt()).isEqualTo(2);
    JsonNode unread = json.get("ranges").get(0);
    assertThat(unread.get("notReadable").get(0).asString()).isEqualTo(faulty.toString());
    assertThat(unread.get("firstSector").asLong()).isBetween(4993L, 5000L);
    assertThat(unread.get("lastSector").asLong()).isBetween(5000L, 5007L);
    assertThat(json.get("ranges").get(1).get("firstSector").asLong()).isEqualTo(20_000);
    assertThat(json.get("differingBytes").asLong()).isEqualTo(512);
  }
}
