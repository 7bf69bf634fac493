package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** The directory of an embedded server, ours alone for as long as its lock file is open. */
final class DataDirectory {
  private static final String LOCK = "mirrorctl-zookeeper.lock";
  private static final String DATA = "version-2";

  /** Closing any channel of a file gives up all locks that the process has on it. */
  private static final Set<Path> CLAIMED = ConcurrentHashMap.newKeySet();

  private final Path path;
  private final FileChannel lock;

  private DataDirectory(Path path, FileChannel lock) {
    this.path = path;
    this.lock = lock;
  }

  static DataDirectory claim(Path path) throws StoreException {
    try {
      Files.createDirectories(path);
      refuseForeign(path);
      Path real = path.toRealPath();
      if (!CLAIMED.add(real)) {
        throw new StoreException(
            "ZooKeeper directory %s is in use by this process".formatted(path));
      }
      boolean claimed = false;
      try {
        var directory = new DataDirectory(real, lock(real));
        claimed = true;
        return directory;
      } finally {
        if (!claimed) {
          CLAIMED.remove(real);
        }
      }
    } catch (IOException e) {
      throw new StoreException("ZooKeeper directory %s cannot be used: %s".formatted(path, e), e);
    }
  }

  private static void refuseForeign(Path path) throws IOException, StoreException {
    if (Files.exists(path.resolve(LOCK)) || Files.exists(path.resolve(DATA))) {
      return;
    }
    try (Stream<Path> files = Files.list(path)) {
      Path other = files.findAny().orElse(null);
      if (other != null) {
        throw new StoreException(
            "directory %s is not a ZooKeeper directory: it holds %s; choose an empty one"
                .formatted(path, other.getFileName()));
      }
    }
  }

  private static FileChannel lock(Path directory) throws IOException, StoreException {
    Path file = directory.resolve(LOCK);
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    boolean held = false;
    try {
      held = channel.tryLock() != null;
      if (!held) {
        throw new StoreException(
            "ZooKeeper directory %s is in use by process %s"
                .formatted(directory, Files.readString(file).strip()));
      }
      write(channel, ProcessHandle.current().pid() + "\n");
      return channel;
    } finally {
      if (!held) {
        channel.close();
      }
    }
  }

  private static void write(FileChannel channel, String text) throws IOException {
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), 0);
  }

  Path path() {
    return path;
  }

  /** Lets another process have it. */
  void release() {
    try {
      lock.close();
    } catch (IOException _) {
      // the lock goes with the process
    } finally {
      CLAIMED.remove(path);
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
