package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.Superblock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Kills the node of one array again and again while clients write, and looks each time at what is
 * left.
 */
final class CrashRounds {
  private static final int PIECE = 1 << 20;

  private final Path directory;
  private final CrashMembers members;
  private final SplittableRandom random;
  private WriteLedger ledger;
  private long differences;
  private long dirtyChunks;
  private long durableWrites;

  CrashRounds(Path directory, CrashMembers members, long seed) {
    this.directory = directory;
    this.members = members;
    this.random = new SplittableRandom(seed);
  }

  /** Sectors in which members differed after the kills. */
  long differences() {
    return differences;
  }

  /** Bits that were set after the kills, on the first member. */
  long dirtyChunks() {
    return dirtyChunks;
  }

  /** Writes that had to survive, over all kills. */
  long durableWrites() {
    return durableWrites;
  }

  /** Runs the rounds and ends with a clean stop. */
  void run(int rounds, String... options) throws IOException, InterruptedException {
    try (ServedArray array = ServedArray.start(directory, members.disks(), options)) {
      try (RawNbd connection = array.connect()) {
        ledger = new WriteLedger(connection.size());
      }
      for (int round = 1; round <= rounds; round++) {
        killWhileWriting(array);
        assertBitmapCoversDifferences();
        array.node().restart();
        assertPromisesAreKept(array);
      }
      settle(array);
      assertThat(array.node().terminate()).as("exit status after SIGTERM").isZero();
    }
    members.look(devices -> {
      MemberAudit audit = MemberAudit.of(devices);
      assertThat(audit.differences()).as("sectors that differ after a clean stop").isEmpty();
      for (int member = 0; member < devices.size(); member++) {
        assertThat(audit.dirtyChunks(member)).as("bits after a clean stop").isZero();
        assertThat(audit.superblock(member).resyncOffset()).isEqualTo(Superblock.MAX_SECTOR);
      }
    });
  }

  private void killWhileWriting(ServedArray array) throws IOException, InterruptedException {
    try (CrashWriters writers = CrashWriters.start(array, ledger, random.split())) {
      // long ones reach the clearing of bits, short ones hit the resync of the round before
      Thread.sleep(random.nextInt(5) == 0 ? 3500 + random.nextInt(1500) : 20 + random.nextInt(700));
      array.node().kill();
      writers.join();
    }
    members.cut(random);
    durableWrites += ledger.durableWrites();
  }

  private void assertBitmapCoversDifferences() throws IOException {
    members.look(devices -> {
      MemberAudit audit = MemberAudit.of(devices);
      List<Long> differing = audit.differences();
      differences += differing.size();
      dirtyChunks += audit.dirtyChunks(0);
      assertThat(audit.missedByTheBitmap(differing))
          .as("chunks that differ after the kill, and would not be resynced")
          .isEmpty();
    });
  }

  private void assertPromisesAreKept(ServedArray array) throws IOException, InterruptedException {
    long[] found = contents(array);
    assertThat(ledger.violations(found)).as("broken promises after the kill").isEmpty();
    flush(array);
    ledger.settle(found);
    if (random.nextInt(3) > 0) {
      settle(array);
    }
  }

  /** Lets the resync end: nothing a client has read may change by it, and members are equal. */
  private void settle(ServedArray array) throws IOException, InterruptedException {
    array.awaitIdle();
    assertThat(ledger.violations(contents(array))).as("what the resync has changed").isEmpty();
    members.look(devices ->
        assertThat(MemberAudit.of(devices).differences())
            .as("sectors that differ after the resync")
            .isEmpty());
  }

  private static void flush(ServedArray array) throws IOException {
    try (RawNbd connection = array.connect()) {
      assertThat(connection.flush()).isZero();
    }
  }

  /** Which write each sector of the array holds. */
  static long[] contents(ServedArray array) throws IOException {
    try (RawNbd connection = array.connect()) {
      int perPiece = PIECE / WriteLedger.SECTOR;
      long[] contents = new long[(int) (connection.size() / WriteLedger.SECTOR)];
      for (int at = 0; at < contents.length; at += perPiece) {
        byte[] piece = new byte[Math.min(perPiece, contents.length - at) * WriteLedger.SECTOR];
        assertThat(connection.read((long) at * WriteLedger.SECTOR, piece)).isZero();
        long[] part = WriteLedger.contents(piece, at);
        System.arraycopy(part, 0, contents, at, part.length);
      }
      return contents;
    }
  }
}
