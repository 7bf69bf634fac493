package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.array.LazyDisk;
import io.mirrorctl.core.block.SimDisk;
import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * SIGKILL of a real node while clients write: what they were promised is there, the bitmap covers
 * all that differs, and a resync by it makes the members equal. 20 kills each time, 500 in the
 * nightly profile:
 *
 * <pre>mvn verify -Pnightly -pl it-tests -am -Dit.test=CrashIT -Dtest=none \
 *     -Dsurefire.failIfNoSpecifiedTests=false</pre>
 *
 * <p>{@code -Dcrash.seed=N} repeats the choices of a run, though not what the machine made of them.
 */
class CrashIT {
  private static final long MEMBER_BYTES = 32 << 20;

  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({"2, INTERNAL, 65536, 6", "3, CLUSTERED, 1048576, 4"})
  void nothingPromisedIsLostOnFiles(int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    onFiles(members, kind, chunkBytes, rounds);
  }

  @ParameterizedTest
  @CsvSource({"2, CLUSTERED, 65536, 5", "3, INTERNAL, 262144, 5"})
  void nothingPromisedIsLostOnDisksThatLoseTheirCaches(
      int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    onDisksWithCaches(members, kind, chunkBytes, rounds);
  }

  /** Would a left-out flush be noticed? Both disks say that they have flushed, and have not. */
  @Test
  void disksThatDoNotFlushAreFoundOut() throws IOException {
    List<SimDisk> disks = disks(2);
    ArrayOnDisks.create(disks, BitmapKind.INTERNAL, 65536);
    Path socket = directory.resolve("members.sock");
    try (var members =
        CrashMembers.losingPower(socket, disks, disk -> new LazyDisk(disk, false, _ -> false))) {
      var crashes = new CrashRounds(directory, members, System.nanoTime());

      assertThatThrownBy(() -> crashes.run(20))
          .isInstanceOf(AssertionError.class)
          .hasMessageMatching("(?s).*(broken promises|would not be resynced).*");
    }
  }

  @Tag("nightly")
  @ParameterizedTest
  @CsvSource({
    "2, INTERNAL, 65536, 75",
    "2, CLUSTERED, 1048576, 50",
    "3, INTERNAL, 4096, 50",
    "3, CLUSTERED, 262144, 50",
    "2, NONE, 0, 25"
  })
  void nothingPromisedIsLostOnFilesInManyRounds(
      int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    onFiles(members, kind, chunkBytes, rounds);
  }

  @Tag("nightly")
  @ParameterizedTest
  @CsvSource({
    "2, INTERNAL, 65536, 75",
    "2, CLUSTERED, 1048576, 50",
    "3, INTERNAL, 4096, 50",
    "3, CLUSTERED, 262144, 50",
    "2, NONE, 0, 25"
  })
  void nothingPromisedIsLostOnDisksThatLoseTheirCachesInManyRounds(
      int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    onDisksWithCaches(members, kind, chunkBytes, rounds);
  }

  private void onFiles(int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    List<Path> files = ArrayOnDisks.create(directory, MEMBER_BYTES, members, kind, chunkBytes);
    run(CrashMembers.files(files), kind, rounds);
  }

  private void onDisksWithCaches(int members, BitmapKind kind, long chunkBytes, int rounds)
      throws IOException, InterruptedException {
    List<SimDisk> disks = disks(members);
    ArrayOnDisks.create(disks, kind, chunkBytes);
    Path socket = directory.resolve("members.sock");
    run(CrashMembers.losingPower(socket, disks, UnaryOperator.identity()), kind, rounds);
  }

  private static List<SimDisk> disks(int count) {
    return IntStream.range(0, count).mapToObj(i -> new SimDisk("m" + i, MEMBER_BYTES)).toList();
  }

  private void run(CrashMembers members, BitmapKind kind, int rounds)
      throws IOException, InterruptedException {
    long seed = Long.getLong("crash.seed", System.nanoTime());
    String what = "%d kills with -Dcrash.seed=%d".formatted(rounds, seed);
    System.out.println("CrashIT: " + what);
    try (members) {
      var crashes = new CrashRounds(directory, members, seed);
      String[] options = kind == BitmapKind.CLUSTERED ? new String[] {"--force"} : new String[0];
      crashes.run(rounds, options);
      System.out.printf(
          "CrashIT: %s: %d durable writes were all there, %d chunks dirty, %d sectors had differed%n",
          what, crashes.durableWrites(), crashes.dirtyChunks(), crashes.differences());
      assertThat(crashes.durableWrites()).as("durable writes").isPositive();
      if (kind != BitmapKind.NONE) {
        assertThat(crashes.dirtyChunks()).as("chunks that were dirty after a kill").isPositive();
      }
    }
  }
}
