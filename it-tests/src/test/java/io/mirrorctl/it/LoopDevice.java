package io.mirrorctl.it;

import io.mirrorctl.core.block.HostNeeds;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.awaitility.Awaitility;

/** A file as a block device of the kernel, with a logical sector size of choice; needs root. */
public final class LoopDevice implements AutoCloseable {
  private final Path device;

  private LoopDevice(Path device) {
    this.device = device;
  }

  /** Attaches a file with sectors of 512 bytes. */
  public static LoopDevice attach(Path file) {
    return attach(file, 512);
  }

  /**
   * Attaches a file.
   *
   * @param sectorBytes logical sector size: 512, 1024, 2048 or 4096
   */
  public static LoopDevice attach(Path file, int sectorBytes) {
    HostNeeds.requireRoot();
    var losetup = Tool.of("losetup", "--find", "--show", "--sector-size", sectorBytes, file);
    // another process may take the free device between the question and the attachment
    for (int attempt = 0; attempt < 5; attempt++) {
      var output = losetup.runToAnyEnd();
      if (output.status() == 0) {
        return new LoopDevice(Path.of(output.out().strip()));
      }
      if (!output.err().contains("busy")) {
        throw new AssertionError("cannot attach %s: %s".formatted(file, output));
      }
    }
    return new LoopDevice(Path.of(losetup.run().out().strip()));
  }

  /** The block device, {@code /dev/loopN}. */
  public Path path() {
    return device;
  }

  /** Whether the device still has its file. */
  public boolean attached() {
    return Files.exists(Path.of("/sys/block", device.getFileName().toString(), "loop"));
  }

  /** Detaches the file and waits until the kernel has let go of it. */
  @Override
  public void close() {
    Tool.of("losetup", "--detach", device).run();
    Awaitility.await("nobody holds " + device)
        .atMost(Duration.ofSeconds(20))
        .until(() -> !attached());
  }
}
