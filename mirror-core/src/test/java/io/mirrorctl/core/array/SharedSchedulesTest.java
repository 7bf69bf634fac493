package io.mirrorctl.core.array;

import static io.mirrorctl.core.array.SharedRig.CHUNK;
import static io.mirrorctl.core.array.SharedRig.assertWaits;
import static io.mirrorctl.core.array.SharedRig.clustered;
import static io.mirrorctl.core.array.SharedRig.filled;
import static io.mirrorctl.core.array.SharedRig.finish;
import static io.mirrorctl.core.array.SharedRig.start;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.block.SimOperation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nodes in step with each other, at the moments at which that matters. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SharedSchedulesTest {

  /** R3 b: else a read that turns to another member shows what was there before. */
  @Test
  void aWriteOfAnotherNodeIsOnAllMembersBeforeReadsTurnToAnotherOne() throws Exception {
    for (int unit = 0; unit < 4; unit++) {
      List<SimDisk> disks = clustered(3);
      long offset = (long) unit << 20;
      try (TestCluster cluster = new TestCluster(disks)) {
        TestNode writer = cluster.joinIdle();
        TestNode reader = cluster.joinIdle();
        writer.write(offset, 1, CHUNK);
        int source = readerOf(disks, reader, offset);
        List<SharedRig.Stop> stops = new ArrayList<>();
        for (int disk = 0; disk < disks.size(); disk++) {
          if (disk != source) {
            stops.add(new SharedRig.Stop(disks.get(disk), writer.disk(disk), offset, CHUNK));
          }
        }
        var write = start(() -> writer.write(offset, 2, CHUNK));
        for (SharedRig.Stop stop : stops) {
          stop.awaitReached();
        }
        SharedRig.awaitThat("the source has it", () -> isNew(reader, offset));

        var failing = start(() -> reader.fail(source));

        try {
          assertWaits(failing);
        } finally {
          stops.forEach(SharedRig.Stop::go);
        }
        finish(write);
        finish(failing);
        assertThat(reader.read(offset, CHUNK)).isEqualTo(filled(2));
      }
    }
  }

  private static boolean isNew(TestNode reader, long offset) {
    try {
      return reader.read(offset, CHUNK)[0] == 2;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static int readerOf(List<SimDisk> disks, TestNode node, long offset) throws Exception {
    List<Long> before = disks.stream().map(SharedSchedulesTest::reads).toList();
    byte[] _ = node.read(offset, CHUNK);
    List<Long> after = disks.stream().map(SharedSchedulesTest::reads).toList();
    for (int disk = 0; disk < disks.size(); disk++) {
      if (!after.get(disk).equals(before.get(disk))) {
        return disk;
      }
    }
    throw new AssertionError("nobody was read");
  }

  private static long reads(SimDisk disk) {
    return disk.count(SimOperation.Kind.READ);
  }
}
