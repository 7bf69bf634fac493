package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The programs people use, against a real node; afterwards the members are equal. */
class ClientsIT {
  private static final int EINVAL = 22;
  private static final int ENOSPC = 28;
  private static final int EOVERFLOW = 75;

  @TempDir static Path directory;
  private static List<Path> members;
  private static ServedArray array;
  private static Path input;
  private static long size;

  @BeforeAll
  static void serve() throws IOException {
    members = ArrayOnDisks.create(directory, 48 << 20, 2, BitmapKind.INTERNAL, 1 << 20);
    array = ServedArray.start(directory, members);
    try (RawNbd client = array.connect()) {
      size = client.size();
    }
    byte[] bytes = new byte[(int) size];
    new SplittableRandom(11).nextBytes(bytes);
    Arrays.fill(bytes, 5 << 20, 9 << 20, (byte) 0);
    input = Files.write(directory.resolve("input"), bytes);
  }

  @AfterAll
  static void membersAreEqual() throws IOException, InterruptedException {
    try (ServedArray served = array) {
      assertThat(served.check().mismatchBytes()).isZero();
      assertThat(served.node().terminate()).isZero();
    }
    assertThat(MemberFiles.sameData(members.get(0), members.get(1))).isTrue();
  }

  private static Tool.Output nbdsh(String... lines) {
    // Debian's module belongs to Debian's Python, whatever comes first in the path
    return Tool.of(
            "/usr/bin/python3", "-m", "nbd", "--uri", array.uri(), "-c", String.join("\n", lines))
        .run();
  }

  @Test
  void nbdinfoSeesSizeAndAbilities() {
    String info = Tool.of("nbdinfo", "--json", array.uri()).run().out();

    assertThat(info)
        .contains("\"export-size\": " + size, "\"can_flush\": true", "\"can_fua\": true")
        .contains("\"can_multi_conn\": true", "\"can_zero\": true", "\"is_read_only\": false")
        .contains("\"base:allocation\"");
    assertThat(Tool.of("nbdinfo", "--list", array.uri()).run().out()).contains("export=\"v\"");
  }

  @Test
  void nbdcopyBothWays() throws IOException {
    Path output = directory.resolve("nbdcopy.out");

    Tool.of("nbdcopy", "--flush", input, array.uri()).run();
    Tool.of("nbdcopy", array.uri(), output).run();

    assertThat(Files.mismatch(input, output)).isEqualTo(-1);
  }

  @Test
  void qemuImgConvertBothWays() throws IOException {
    Path output = directory.resolve("convert.out");
    Path packed = directory.resolve("convert.qcow2");

    Tool.of("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", input, array.uri()).run();
    Tool.of("qemu-img", "convert", "-f", "raw", "-O", "qcow2", array.uri(), packed).run();
    Tool.of("qemu-img", "convert", "-f", "qcow2", "-O", "raw", packed, output).run();

    assertThat(Files.mismatch(input, output)).isEqualTo(-1);
    assertThat(Tool.of("qemu-img", "compare", "-f", "raw", "-F", "raw", input, array.uri()).run())
        .satisfies(run -> assertThat(run.out()).contains("identical"));
  }

  @Test
  void qemuIoPatterns() {
    var run =
        Tool.of(
                "qemu-io",
                "-f",
                "raw",
                "-c",
                "write -P 0xa5 1M 3M",
                "-c",
                "write -f -P 0x5a 2M 64k",
                "-c",
                "write -z 3M 128k",
                "-c",
                "discard 3584k 64k",
                "-c",
                "flush",
                "-c",
                "read -P 0xa5 1M 1M",
                "-c",
                "read -P 0x5a 2M 64k",
                "-c",
                "read -P 0xa5 2112k 960k",
                "-c",
                "read -P 0 3M 128k",
                "-c",
                "aio_write -P 0x11 1M 512k",
                "-c",
                "aio_write -P 0x22 1536k 512k",
                "-c",
                "aio_flush",
                "-c",
                "read -P 0x11 1M 512k",
                "-c",
                "read -P 0x22 1536k 512k",
                array.uri())
            .run();

    assertThat(run.out()).doesNotContain("Pattern verification failed", "rror");
  }

  @Test
  void fioVerifiesItsChecksums() {
    var run =
        Tool.of(
                "fio",
                "--name=v",
                "--ioengine=nbd",
                "--uri=" + array.uri(),
                "--rw=randrw",
                "--bsrange=4k-64k",
                "--blockalign=4k",
                "--iodepth=16",
                "--size=16M",
                "--offset=16M",
                "--verify=crc32c",
                "--verify_fatal=1",
                "--fsync=32",
                "--randseed=5")
            .directory(directory) // fio leaves a file behind
            .run();

    assertThat(run.out()).contains("err= 0");
  }

  @Test
  void nbdshReadsWhatItWrote() {
    nbdsh(
        "h.pwrite(b'mirror' * 1000 + bytes(144), 10240, nbd.CMD_FLAG_FUA)",
        "assert h.pread(6144, 10240) == b'mirror' * 1000 + bytes(144)",
        "h.zero(4096, 10240)",
        "assert h.pread(4096, 10240) == bytes(4096)",
        "h.cache(65536, 0)",
        "h.flush()");
  }

  /** libnbd refuses such requests itself unless told not to; then the answer is the server's. */
  @Test
  void requestsThatMakeNoSenseGetErrorsAndTheConnectionLives() {
    nbdsh(
        "import errno",
        "h.set_strict_mode(0)",
        "size = h.get_size()",
        "def error(f, *a):",
        "    try:",
        "        f(*a)",
        "    except nbd.Error as e:",
        "        return e.errnum",
        "    return 0",
        "assert error(h.pread, 4096, size) == errno.EINVAL",
        "assert error(h.pread, 4096, size - 512) == errno.EINVAL",
        "assert error(h.pwrite, bytes(4096), size - 512) == errno.ENOSPC",
        "assert error(h.zero, 4096, size - 512) == errno.ENOSPC",
        "assert error(h.trim, 4096, size - 512) in (errno.EINVAL, errno.ENOSPC)",
        "assert error(h.pread, 63 * 1024 * 1024, 0) in (errno.EINVAL, errno.EOVERFLOW)",
        "assert error(h.pwrite, bytes(4096), 0, 0x4000) == errno.EINVAL",
        "assert error(h.pread, 4096, 0, 0x4000) == errno.EINVAL",
        "h.pwrite(b'x' * 4096, 0)",
        "assert h.pread(4096, 0) == b'x' * 4096");
  }

  @Test
  void anArrayThisNodeHasForItselfTakesRequestsOfAnyAlignmentItOffers() throws IOException {
    nbdsh(
        "least = h.get_block_size(nbd.SIZE_MINIMUM)",
        "h.set_strict_mode(0)",
        "h.pwrite(b'A' * 8192, 40960)",
        "def odd(offset, length):",
        "    try:",
        "        h.pwrite(b'b' * length, offset)",
        "    except nbd.Error as e:",
        "        return e.errno",
        "    return 'written'",
        "outcome = odd(40961, 3)",
        "assert outcome == ('written' if least == 1 else 'EINVAL'), (least, outcome)",
        "expected = b'Abbb' if least == 1 else b'AAAA'",
        "assert h.pread(8192, 40960) == expected + b'A' * 8188");
  }

  @Test
  void unknownCommandsAndOversizeRequestsGetErrorsOverTheWire() throws IOException {
    try (RawNbd client = array.connect()) {
      byte[] none = {};
      assertThat(client.request(99, 0, 0, 4096, none, Optional.empty())).isEqualTo(EINVAL);
      assertThat(client.request(RawNbd.READ, 0, size, 512, none, Optional.empty()))
          .isEqualTo(EINVAL);
      assertThat(client.request(RawNbd.READ, 0, -512, 512, none, Optional.empty()))
          .isEqualTo(EINVAL);
      assertThat(client.request(RawNbd.READ, 0, 0, 1 << 30, none, Optional.empty()))
          .isIn(EINVAL, EOVERFLOW);
      assertThat(client.request(RawNbd.WRITE, 0, size, 512, new byte[512], Optional.empty()))
          .isEqualTo(ENOSPC);
      assertThat(client.request(RawNbd.WRITE_ZEROES, 0, 512, (int) size, none, Optional.empty()))
          .isEqualTo(ENOSPC);

      assertThat(client.read(0, new byte[4096])).isZero();
    }
  }

  @Test
  void aClientThatVanishesInMidRequestHurtsNobodyElse() throws IOException {
    byte[] mine = new byte[65536];
    new SplittableRandom(3).nextBytes(mine);
    try (RawNbd other = array.connect()) {
      for (int i = 0; i < 10; i++) {
        var thread = new FutureTask<>(() -> halfAWrite());
        Thread.ofPlatform().start(thread);
        assertThat(other.write(33 << 20, mine, i % 2 == 0)).isZero();
        thread.get();
      }
      byte[] found = new byte[mine.length];
      assertThat(other.read(33 << 20, found)).isZero();
      assertThat(found).isEqualTo(mine);
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  /** Announces a write of a megabyte, sends half of it and is gone. */
  private static Void halfAWrite() throws IOException {
    RawNbd.connect(array.nbdSocket(), ServedArray.NAME).sendHalfAWrite(34 << 20, 1 << 20);
    return null;
  }

  @Test
  void garbageEndsTheConnectionAndNothingElse() throws IOException {
    var random = new SplittableRandom(9);
    for (int i = 0; i < 30; i++) {
      try (var socket = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        socket.connect(UnixDomainSocketAddress.of(array.nbdSocket()));
        byte[] rubbish = new byte[random.nextInt(2000)];
        random.nextBytes(rubbish);
        socket.write(ByteBuffer.wrap(rubbish));
      }
    }
    try (RawNbd client = array.connect()) {
      assertThat(client.flush()).isZero();
    }
    assertThat(array.node().log()).doesNotContain("\tat ");
  }
}
