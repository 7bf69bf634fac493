package io.mirrorctl.cli.daemon;

import com.google.common.collect.ImmutableList;
import com.google.common.io.Closer;
import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.Closeable;
import java.io.IOException;
import java.util.List;

/**
 * Several disks, open at once: either all or none.
 *
 * @param devices in the order of their names
 */
public record OpenDisks(ImmutableList<BlockDevice> devices) implements Closeable {

  /** Opens a disk by its name. */
  @FunctionalInterface
  interface Opener {
    BlockDevice open(String disk) throws IOException;
  }

  /**
   * Opens the disks.
   *
   * @param opener opens each
   * @param disks as {@link Disks#name} returns them
   */
  public static OpenDisks open(Disks opener, List<String> disks, DeviceAccess access)
      throws IOException {
    return open(disks, disk -> opener.open(disk, access));
  }

  static OpenDisks open(List<String> disks, Opener opener) throws IOException {
    var devices = ImmutableList.<BlockDevice>builder();
    try {
      for (String disk : disks) {
        devices.add(opener.open(disk));
      }
      return new OpenDisks(devices.build());
    } catch (IOException | RuntimeException e) {
      try (var _ = new OpenDisks(devices.build())) {
        throw e;
      }
    }
  }

  /**
   * Opens disks that are to be overwritten, for nobody else. One that somebody uses is refused to
   * protect its data.
   */
  public static OpenDisks toOverwrite(Disks opener, List<String> disks) throws IOException {
    try {
      return open(opener, disks, new DeviceAccess.Exclusive());
    } catch (DeviceException e) {
      if (e.failure() == IoFailure.BUSY) {
        throw new CommandException(ExitCode.PROTECTED, e.getMessage(), e);
      }
      throw e;
    }
  }

  /** Closes a disk that cannot be used, and keeps why. */
  static void closeAfter(BlockDevice device, Throwable why) {
    try {
      device.close();
    } catch (IOException also) {
      why.addSuppressed(also);
    }
  }

  /** The disk of that name, which must be one of them. */
  public BlockDevice named(String disk) {
    return devices.stream().filter(d -> d.name().equals(disk)).findFirst().orElseThrow();
  }

  @Override
  public void close() throws IOException {
    try (var closer = Closer.create()) {
      devices.forEach(closer::register);
    }
  }
}
