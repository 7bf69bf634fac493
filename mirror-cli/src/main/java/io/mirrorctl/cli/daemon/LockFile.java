package io.mirrorctl.cli.daemon;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Optional;
import java.util.Set;

/**
 * Has a file for this process alone, among those that ask in this way: beside it lies an empty file
 * with the ending {@code .lock}, which is locked until this is closed or the process ends. It stays
 * when it is not locked any more.
 */
final class LockFile implements Closeable {
  private final FileChannel channel;

  private LockFile(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Locks the file; empty if somebody else has it, or this process has it already.
   *
   * @param attributes of the lock's file, if it has to be made
   */
  static Optional<LockFile> take(Path file, FileAttribute<?>... attributes) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file.resolveSibling(file.getFileName() + ".lock"),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
            attributes);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // by this very process
    } finally {
      if (lock == null) {
        channel.close();
      }
    }
    return Optional.ofNullable(lock).map(_ -> new LockFile(channel));
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
