package io.mirrorctl.cli.daemon;

import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Disks as users name them: a file, a block device or an NBD URL. */
public final class Disks {
  private static final Pattern URL = Pattern.compile("nbds?(\\+unix)?:.*");

  private Disks() {}

  /**
   * The name under which every command and every node knows the disk, whatever directory it was
   * typed in: a path is made absolute, a URL stays as it is.
   *
   * @throws IllegalArgumentException if the text names no disk
   */
  public static String name(String typed) {
    if (typed.isBlank()) {
      throw new IllegalArgumentException("the name of a disk is empty");
    }
    if (URL.matcher(typed).matches()) {
      return typed;
    }
    try {
      return Path.of(typed).toAbsolutePath().normalize().toString();
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("\"%s\" is no path".formatted(typed), e);
    }
  }

  /**
   * Opens a disk.
   *
   * @param disk as {@link #name} returns it
   */
  public static BlockDevice open(String disk, DeviceAccess access) throws IOException {
    if (URL.matcher(disk).matches()) {
      throw new DeviceException(
          IoFailure.NOT_SUPPORTED, disk + ": disks behind NBD are not supported yet");
    }
    return FileDevice.open(Path.of(disk), access);
  }
}
