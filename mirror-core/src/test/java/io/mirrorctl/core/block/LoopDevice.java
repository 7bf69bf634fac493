package io.mirrorctl.core.block;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** A loop device of the kernel over a file; needs root. */
public record LoopDevice(Path path) implements Closeable {

  /** Attaches the next free loop device. */
  public static LoopDevice over(Path file, int sectorBytes) throws IOException {
    try {
      return new LoopDevice(
          Path.of(
              Commands.run(
                  "losetup",
                  "--find",
                  "--show",
                  "--direct-io=on",
                  "--sector-size",
                  Integer.toString(sectorBytes),
                  file.toString())));
    } catch (InterruptedException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }

  @Override
  public void close() throws IOException {
    try {
      Commands.run("losetup", "--detach", path.toString());
    } catch (InterruptedException e) {
      throw new UncheckedIOException(new IOException(e));
    }
  }
}
