package io.mirrorctl.cli.demo;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The file whose first bytes are written to the mirror.
 *
 * <p>Threading: any thread.
 */
final class DemoInput implements DemoText, Closeable {
  private final Path path;
  private final FileChannel channel;
  private final long bytes;

  private DemoInput(Path path, FileChannel channel, long bytes) {
    this.path = path;
    this.channel = channel;
    this.bytes = bytes;
  }

  /** Opens a file, of which at most so many bytes are to be used. */
  static DemoInput open(Path path, long most) throws IOException {
    if (!Files.isRegularFile(path)) {
      throw new CommandException(
          ExitCode.FAILED, path + ": the input has to be a file that can be read");
    }
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    long bytes = Math.min(channel.size(), most);
    if (bytes == 0) {
      channel.close();
      throw new CommandException(ExitCode.FAILED, path + ": there is nothing in the input");
    }
    return new DemoInput(path, channel, bytes);
  }

  Path path() {
    return path;
  }

  /** How much of the file is used. */
  long bytes() {
    return bytes;
  }

  /** Fills the buffer from this offset; with zeroes behind the end. */
  @Override
  public void read(long offset, ByteBuffer into) throws IOException {
    long at = offset;
    ByteBuffer wanted = into.slice(into.position(), Math.clamp(bytes - at, 0, into.remaining()));
    while (wanted.hasRemaining()) {
      int count = channel.read(wanted, at);
      if (count < 0) {
        throw new IOException(path + " became shorter while it was read");
      }
      at += count;
    }
    into.position(into.position() + wanted.position());
    while (into.hasRemaining()) {
      into.put((byte) 0);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
