package io.mirrorctl.core.bitmap;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapGeometry;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** 15 TiB in chunks of 1 MiB. */
@Timeout(60)
class LargeBitmapTest {
  private static final long MIB = 1 << 20;
  private static final BitmapGeometry GEOMETRY = new BitmapGeometry(15 * MIB * MIB / 512, MIB);

  private static final class Counting implements BitmapStorage {
    int writes;
    int pages;

    @Override
    public void writePages(List<BitmapPage> batch) {
      writes++;
      pages += batch.size();
    }

    @Override
    public void flushMembers() {}

    @Override
    public OptionalLong clearableAtEvents() {
      return OptionalLong.of(1);
    }
  }

  private final Counting storage = new Counting();
  private final byte[] bits = new byte[(int) GEOMETRY.bitmapBytes()];
  private final long before = heapBytes();

  private WriteIntentBitmap loaded() {
    var bitmap =
        new WriteIntentBitmap(GEOMETRY, SlotOnDisk.headerOf(GEOMETRY), storage, Env.system());
    bitmap.load(ByteBuffer.wrap(bits));
    return bitmap;
  }

  private static long heapBytes() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }

  @Test
  void aCleanBitmapTakesLessThan8MiB() throws IOException {
    WriteIntentBitmap bitmap = loaded();
    assertThat(heapBytes() - before).isLessThan(8 * MIB);
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(bitmap.nextNeeded(0)).isEmpty();
  }

  @Test
  void aBitmapThatIsAllDirtyTakesLessThan48MiBAndNextToNothingWhenItIsCleanAgain()
      throws IOException {
    Arrays.fill(bits, (byte) -1);
    WriteIntentBitmap bitmap = loaded();
    assertThat(heapBytes() - before).isLessThan(48 * MIB);
    assertThat(bitmap.dirtyChunks()).isEqualTo(15 * MIB);
    assertThat(bitmap.neededChunks()).isEqualTo(15 * MIB);

    bitmap.rewriteAll();
    assertThat(storage.writes).isEqualTo(1);
    assertThat(storage.pages).isEqualTo((int) GEOMETRY.pages());
    for (long chunk = 0; chunk < GEOMETRY.chunks(); chunk++) {
      bitmap.startSync(chunk);
      bitmap.endSync(chunk, true);
    }
    bitmap.flushClean();
    assertThat(bitmap.dirtyChunks()).isZero();
    assertThat(heapBytes() - before).isLessThan(8 * MIB);
    assertThat(storage.writes).isEqualTo(3);
  }
}
