package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.util.concurrent.Uninterruptibles;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.DeviceFeature;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.IoFailure;
import io.mirrorctl.core.block.SectorRange;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimFault;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Programs that people use with NBD servers. */
@Timeout(120)
class RealClientsTest {
  private static final int SIZE = 32 << 20;

  @TempDir Path directory;

  private final SimDisk disk = new SimDisk("disk", SIZE);
  private TestServer server;

  @BeforeEach
  void start() {
    server = TestServer.start();
    server.exports.add("vol", disk, "a disk in memory");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private static byte[] random(int length, int seed) {
    byte[] data = new byte[length];
    new Random(seed).nextBytes(data);
    return data;
  }

  // ---- libnbd

  @Test
  void nbdinfoShowsWhatTheServerOffers() throws Exception {
    server.exports.add("other", new SimDisk("other", 1 << 20, 4096), "of large sectors");
    JsonNode all = json("nbdinfo", "--json", "--list", server.uri("")).get("exports");
    assertThat(all.size()).isEqualTo(2);
    assertThat(all.get(0).get("export-name").asString()).isEqualTo("other");
    assertThat(all.get(0).get("description").asString()).isEqualTo("of large sectors");
    assertThat(all.get(0).get("block_size_minimum").asInt()).isEqualTo(4096);
    JsonNode vol = all.get(1);
    assertThat(vol.get("export-name").asString()).isEqualTo("vol");
    assertThat(vol.get("export-size").asLong()).isEqualTo(SIZE);
    assertThat(vol.get("block_size_minimum").asInt()).isEqualTo(512);
    assertThat(vol.get("block_size_maximum").asInt()).isEqualTo(32 << 20);
    assertThat(vol.get("contexts").get(0).asString()).isEqualTo("base:allocation");
    for (String can : "cache df fast_zero flush fua multi_conn trim zero".split(" ", -1)) {
      assertThat(vol.get("can_" + can).asBoolean()).describedAs(can).isTrue();
    }
    assertThat(vol.get("is_read_only").asBoolean()).isFalse();
    assertThat(Program.run("nbdinfo", server.uri("vol")))
        .contains("newstyle-fixed without TLS, using structured packets");
  }

  private static JsonNode json(Object... command) throws Exception {
    return JsonMapper.builder().build().readTree(Program.run(command));
  }

  @Test
  void nbdinfoMapsHolesAndData() throws Exception {
    disk.corrupt(1 << 20, random(128 << 10, 1));
    JsonNode map = json("nbdinfo", "--json", "--map", server.uri("vol"));
    assertThat(map.size()).isEqualTo(3);
    assertThat(map.get(0).get("length").asLong()).isEqualTo(1 << 20);
    assertThat(map.get(0).get("type").asInt()).isEqualTo(3);
    assertThat(map.get(1).get("offset").asLong()).isEqualTo(1 << 20);
    assertThat(map.get(1).get("length").asLong()).isEqualTo(128 << 10);
    assertThat(map.get(1).get("type").asInt()).isZero();
    assertThat(map.get(2).get("type").asInt()).isEqualTo(3);
  }

  @Test
  void nbdcopyCopiesBothWaysOverSeveralConnections() throws Exception {
    byte[] data = random(SIZE, 2);
    Arrays.fill(data, 3 << 20, 9 << 20, (byte) 0);
    Path in = Files.write(directory.resolve("in"), data);
    Program.run("nbdcopy", "--connections=4", "--flush", in, server.uri("vol"));
    assertThat(disk.peek(0, SIZE)).isEqualTo(data);
    assertThat(disk.unflushedSectors()).isZero();
    Path out = directory.resolve("out");
    Program.run("nbdcopy", "--connections=4", "--requests=32", server.uri("vol"), out);
    assertThat(Files.mismatch(in, out)).isEqualTo(-1);
  }

  @Test
  void aFileOfThisHostIsServedWithoutCopies() throws Exception {
    Path file = directory.resolve("member");
    try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(SIZE);
    }
    byte[] data = random(SIZE, 3);
    Arrays.fill(data, 4 << 20, 12 << 20, (byte) 0);
    Path in = Files.write(directory.resolve("in"), data);
    try (FileDevice device = FileDevice.open(file, new DeviceAccess.Exclusive())) {
      server.with("file", device);
      Program.run("nbdcopy", in, server.uri("file"));
      assertThat(Files.mismatch(in, file)).isEqualTo(-1);
      Path out = directory.resolve("out");
      Program.run("nbdcopy", server.uri("file"), out);
      assertThat(Files.mismatch(in, out)).isEqualTo(-1);
      assertThat(Program.run("nbdinfo", "--map", server.uri("file"))).contains("hole");
      server.exports.remove("file");
    }
  }

  /** Runs Python with a connected handle {@code h} that checks nothing itself. */
  private void python(String export, String script) throws Exception {
    String prelude =
        """
        import errno, nbd
        def handle():
            h = nbd.NBD()
            h.set_strict_mode(0)
            h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
            h.connect_uri("%s")
            return h
        def fails(number, action):
            try:
                action()
            except nbd.Error as e:
                assert e.errnum == number, (errno.errorcode[e.errnum], e.string)
            else:
                assert False, "succeeded"
        h = handle()
        """
            .formatted(server.uri(export));
    Program.run("/usr/bin/python3", "-c", prelude + script);
  }

  @Test
  void libnbdGetsTheRightErrorForEveryWrongRequest() throws Exception {
    python(
        "vol",
        """
        size = h.get_size()
        fails(errno.EINVAL, lambda: h.pread(512, 1))
        fails(errno.EINVAL, lambda: h.pread(1, 0))
        fails(errno.EINVAL, lambda: h.pwrite(bytes(100), 0))
        fails(errno.EINVAL, lambda: h.pwrite(bytes(512), 7))
        fails(errno.EINVAL, lambda: h.zero(512, 7))
        fails(errno.EINVAL, lambda: h.trim(512, 7))
        fails(errno.EINVAL, lambda: h.cache(512, 7))
        fails(errno.EINVAL, lambda: h.pread(512, size))
        fails(errno.EINVAL, lambda: h.pread(1024, size - 512))
        fails(errno.ENOSPC, lambda: h.pwrite(bytes(1024), size - 512))
        fails(errno.ENOSPC, lambda: h.zero(1024, size - 512))
        fails(errno.EINVAL, lambda: h.trim(1024, size - 512))
        fails(errno.EINVAL, lambda: h.pwrite(bytes(33 * 1024 * 1024), 0))
        fails(errno.EINVAL, lambda: h.pread(33 * 1024 * 1024, 0))
        fails(errno.EOVERFLOW, lambda: h.pread_structured(33 * 1024 * 1024, 0, lambda *a: 0, nbd.CMD_FLAG_DF))
        fails(errno.EINVAL, lambda: h.block_status(512, 7, lambda *a: 0))
        fails(errno.EINVAL, lambda: h.block_status(0, 0, lambda *a: 0))
        fails(errno.EINVAL, lambda: h.pwrite(bytes(512), 0, nbd.CMD_FLAG_NO_HOLE))
        fails(errno.EINVAL, lambda: h.flush(nbd.CMD_FLAG_DF))
        fails(errno.EINVAL, lambda: h.trim(512, 0, nbd.CMD_FLAG_REQ_ONE))
        assert h.pread(1024, 512) == bytes(1024)
        h.pwrite(b"x" * 512, 512, nbd.CMD_FLAG_FUA)
        assert h.pread(512, 512) == b"x" * 512
        h.shutdown()
        """);
  }

  @Test
  void libnbdIsRefusedWhereBlocksAreLargeAndItDoesNotAsk() throws Exception {
    server.with("large", new SimDisk("large", 1 << 20, 4096));
    python(
        "large",
        """
        assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
        fails(errno.EINVAL, lambda: h.pwrite(bytes(512), 0))
        h.pwrite(bytes(4096), 0)
        old = nbd.NBD()
        old.set_request_block_size(False)
        fails(errno.EINVAL, lambda: old.connect_uri("%s"))
        """
            .formatted(server.uri("large")));
  }

  @Test
  void libnbdReceivesRepliesOutOfOrderChunksAndContexts() throws Exception {
    disk.corrupt(0, random(65536, 5));
    var othersDone = new CountDownLatch(63);
    disk.hook(operation -> {
      if (operation.length() != 4096) {
        return;
      }
      if (operation.offset() == 0) {
        Uninterruptibles.awaitUninterruptibly(othersDone);
      } else {
        othersDone.countDown();
      }
    });
    python(
        "vol",
        """
        done = []
        def finished(i):
            return lambda error: done.append((i, error.value)) or 1
        buffers = [nbd.Buffer(4096) for i in range(64)]
        for i in range(64):
            h.aio_pread(buffers[i], i * 4096, finished(i))
        while len(done) < 64:
            h.poll(-1)
        assert sorted(i for i, e in done) == list(range(64)) and all(e == 0 for i, e in done)
        assert done[0][0] != 0

        kinds = []
        def chunk(buf, offset, status, error):
            kinds.append((status, offset, len(buf)))
        h.pread_structured(1 << 20, 0, chunk)
        assert kinds == [(nbd.READ_DATA, 0, 65536), (nbd.READ_HOLE, 65536, (1 << 20) - 65536)], kinds
        kinds.clear()
        h.pread_structured(1 << 20, 0, chunk, nbd.CMD_FLAG_DF)
        assert kinds == [(nbd.READ_DATA, 0, 1 << 20)], kinds

        extents = []
        def status(context, offset, entries, error):
            assert context == "base:allocation"
            extents.append((offset, list(entries)))
        h.block_status(1 << 20, 0, status)
        assert extents == [(0, [65536, 0, (1 << 20) - 65536, 3])], extents
        extents.clear()
        h.block_status(1 << 20, 0, status, nbd.CMD_FLAG_REQ_ONE)
        assert extents == [(0, [65536, 0])], extents
        h.shutdown()
        """);
  }

  @Test
  void libnbdSeesErrorsOfTheDeviceAndGoesOn() throws Exception {
    disk.inject(SimFault.reads(SectorRange.ofLength(16, 8), IoFailure.MEDIUM));
    disk.inject(SimFault.writes(SectorRange.ofLength(100, 8), IoFailure.NO_SPACE));
    python(
        "vol",
        """
        fails(errno.EIO, lambda: h.pread(65536, 0))
        fails(errno.ENOSPC, lambda: h.pwrite(bytes(512), 100 * 512))
        assert h.pread(512, 0) == bytes(512)
        """);
    disk.features(Set.of(DeviceFeature.READ_ONLY));
    python(
        "vol",
        """
        assert h.is_read_only()
        fails(errno.EPERM, lambda: h.pwrite(bytes(512), 0))
        fails(errno.EPERM, lambda: h.zero(512, 0))
        fails(errno.EPERM, lambda: h.trim(512, 0))
        """);
  }

  // ---- QEMU

  @Test
  void qemuIoWritesAndVerifiesPatterns() throws Exception {
    String output =
        Program.run(
            "qemu-io",
            "-f",
            "raw",
            server.uri("vol"),
            "-c",
            "write -P 0x11 0 1M",
            "-c",
            "write -P 0x22 -f 64k 4k",
            "-c",
            "write -z 128k 64k",
            "-c",
            "write -z -u 256k 64k",
            "-c",
            "discard 512k 64k",
            "-c",
            "flush",
            "-c",
            "aio_write -P 0x33 2M 64k",
            "-c",
            "aio_write -P 0x44 3M 512",
            "-c",
            "aio_flush",
            "-c",
            "read -P 0x11 0 64k",
            "-c",
            "read -P 0x22 64k 4k",
            "-c",
            "read -P 0 128k 64k",
            "-c",
            "read -P 0 256k 64k",
            "-c",
            "read -P 0 512k 64k",
            "-c",
            "read -P 0x33 2M 64k",
            "-c",
            "read -P 0x44 3M 512",
            "-c",
            "write -P 0x55 5 3",
            "-c",
            "read -P 0x55 5 3");
    assertThat(output).doesNotContain("failed");
    assertThat(disk.unflushedSectors()).isZero();
  }

  @Test
  void qemuImgConvertsInAndOutAndMaps() throws Exception {
    byte[] data = random(SIZE, 7);
    Arrays.fill(data, 1 << 20, 20 << 20, (byte) 0);
    Path in = Files.write(directory.resolve("in"), data);
    Path qcow = directory.resolve("q.qcow2");
    Program.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", in, qcow);
    Program.run("qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", qcow, server.uri("vol"));
    assertThat(disk.peek(0, SIZE)).isEqualTo(data);
    Path out = directory.resolve("out");
    Program.run(
        "qemu-img", "convert", "-m", "8", "-W", "-f", "raw", "-O", "raw", server.uri("vol"), out);
    assertThat(Files.mismatch(in, out)).isEqualTo(-1);
    assertThat(Program.run("qemu-img", "info", server.uri("vol"))).contains("virtual size: 32 MiB");
    assertThat(
            json("qemu-img", "map", "--output=json", server.uri("vol"))
                .get(1)
                .get("zero")
                .asBoolean())
        .isTrue();
  }

  // ---- fio

  @Test
  void fioFindsEveryBlockAsItWroteIt() throws Exception {
    Program.run(
        "fio",
        "--name=verify",
        "--ioengine=nbd",
        "--uri=" + server.uri("vol"),
        "--rw=randrw",
        "--bsrange=512-128k",
        "--blockalign=512",
        "--iodepth=32",
        "--size=" + SIZE,
        "--io_size=" + SIZE,
        "--verify=crc32c",
        "--verify_fatal=1",
        "--fsync=64",
        "--verify_state_save=0");
  }
}
