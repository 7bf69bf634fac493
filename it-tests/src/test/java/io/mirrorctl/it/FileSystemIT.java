package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.format.BitmapKind;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An ext4 file system on an array whose node is killed while files are written. */
class FileSystemIT {
  @TempDir Path directory;

  @Test
  void fsyncedFilesSurviveAndTheFileSystemIsSound() throws Exception {
    List<Path> members =
        ArrayOnDisks.create(directory, 96 << 20, 2, BitmapKind.INTERNAL, 256 << 10);
    Map<String, Long> synced = new ConcurrentHashMap<>();
    try (var array = ServedArray.start(directory, members)) {
      try (var mount = NbdMount.connect(array.uri(), directory.resolve("before"))) {
        mount.format().mount();
        var writer = CompletableFuture.runAsync(() -> writeFiles(mount.root(), synced));
        while (synced.size() < 20) {
          Thread.sleep(10);
        }
        array.node().kill();
        writer.join();
      }
      assertThat(MemberFiles.dirtyChunks(members.getFirst())).isPositive();

      array.node().restart();
      array.awaitIdle();
      try (var mount = NbdMount.connect(array.uri(), directory.resolve("after"))) {
        mount.mount(); // replays the journal
        for (var file : synced.entrySet()) {
          assertThat(Files.readAllBytes(mount.root().resolve(file.getKey())))
              .as("%s, which was fsynced", file.getKey())
              .isEqualTo(content(file.getValue()));
        }
        mount.unmount();
        mount.check();
      }
      assertThat(array.check().mismatchBytes()).isZero();
      assertThat(array.node().terminate()).isZero();
    }
    assertThat(MemberFiles.sameData(members.get(0), members.get(1))).isTrue();
  }

  /** Writes files, each of them fsynced with its directory, until the disk is gone. */
  private static void writeFiles(Path root, Map<String, Long> synced) {
    try {
      for (long seed = 1; seed < 10_000; seed++) {
        Path file = root.resolve("file" + seed);
        try (var channel =
            FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
          ByteBuffer content = ByteBuffer.wrap(content(seed));
          while (content.hasRemaining()) {
            channel.write(content);
          }
          channel.force(true);
        }
        try (var parent = FileChannel.open(root, StandardOpenOption.READ)) {
          parent.force(true);
        }
        synced.put(file.getFileName().toString(), seed);
        if (seed % 5 == 0) {
          Path old = root.resolve("file" + (seed - 3));
          synced.remove(old.getFileName().toString());
          Files.delete(old);
        }
      }
    } catch (IOException e) {
      // the node was killed, as planned
    }
  }

  private static byte[] content(long seed) {
    var random = new SplittableRandom(seed);
    byte[] content = new byte[1 + random.nextInt(200_000)];
    random.nextBytes(content);
    return content;
  }
}
