package io.mirrorctl.core.block;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A loop device of the kernel over a file; needs root. */
record LoopDevice(Path path) implements Closeable {

  /** Attaches the next free loop device with this logical sector size. */
  static LoopDevice over(Path file, int sectorBytes) throws IOException {
    String size = Integer.toString(sectorBytes);
    return attach("--direct-io=on", "--sector-size", size, file.toString());
  }

  /** Attaches the next free loop device for reading only. */
  static LoopDevice readOnlyOver(Path file) throws IOException {
    return attach("--read-only", file.toString());
  }

  private static LoopDevice attach(String... arguments) throws IOException {
    HostNeeds.requireRoot();
    String[] command = new String[arguments.length + 3];
    System.arraycopy(new String[] {"losetup", "--find", "--show"}, 0, command, 0, 3);
    System.arraycopy(arguments, 0, command, 3, arguments.length);
    return new LoopDevice(Path.of(Commands.run(command)));
  }

  /** Flushes that the kernel has sent to the device since it was attached. */
  long flushes() throws IOException {
    Path statistics = Path.of("/sys/block", path.getFileName().toString(), "stat");
    List<String> fields = List.of(Files.readString(statistics).strip().split(" +"));
    return Long.parseLong(fields.get(15));
  }

  @Override
  public void close() throws IOException {
    Commands.run("losetup", "--detach", path.toString());
  }
}
