package io.mirrorctl.core.block;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Who can be seen to use a file or disk, for the message of a refused claim.
 *
 * <p>Everything here is read from {@code /proc} and {@code /sys}, which show what this user and
 * this container may see; nothing is concluded from what they do not show.
 */
final class Occupants {
  private static final Path PROC = Path.of("/proc");
  private static final Splitter FIELDS = Splitter.on(' ').trimResults().omitEmptyStrings();

  private Occupants() {}

  /** A sentence about a file whose claim was refused because of a lock. */
  static String of(FileStatus file, String name) {
    List<String> holders = LockHolders.find(PROC, file.inode());
    if (holders.isEmpty()) {
      return name
          + " is in use by another program or node that cannot be seen from here;"
          + " stop the array or virtual machine that has it first";
    }
    return "%s is in use by %s; stop that first".formatted(name, String.join(", ", holders));
  }

  /** A sentence about a block device that refused to be opened exclusively. */
  static String ofBlockDevice(FileStatus device, String name) {
    String number = device.deviceMajor() + ":" + device.deviceMinor();
    List<String> uses = new ArrayList<>();
    for (String mount : mounts(number)) {
      uses.add("mounted at " + mount);
    }
    for (String holder : names(Path.of("/sys/dev/block", number, "holders"))) {
      uses.add("part of " + holder);
    }
    uses.addAll(
        LockHolders.find(PROC, device.inode()).stream().map(h -> "in use by " + h).toList());
    return "%s cannot be had alone: %s; give it free first (lsblk shows what stands on it)"
        .formatted(name, uses.isEmpty() ? "it is mounted or in use" : String.join(", ", uses));
  }

  /** The loop device that may write to the file, if one is attached to it by this path. */
  static Optional<String> loopDeviceOver(Path file) {
    String real;
    try {
      real = file.toRealPath().toString();
    } catch (IOException e) {
      return Optional.empty();
    }
    Path disks = Path.of("/sys/block");
    for (String disk : names(disks)) {
      if (disk.startsWith("loop")
          && text(disks.resolve(disk).resolve("loop/backing_file")).strip().equals(real)
          && text(disks.resolve(disk).resolve("ro")).strip().equals("0")) {
        return Optional.of("/dev/" + disk);
      }
    }
    return Optional.empty();
  }

  private static List<String> mounts(String number) {
    List<String> found = new ArrayList<>();
    for (String line : text(PROC.resolve("self/mountinfo")).lines().toList()) {
      List<String> fields = FIELDS.splitToList(line);
      if (fields.size() > 4 && fields.get(2).equals(number)) {
        found.add(
            fields.get(4).replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"));
      }
    }
    return found;
  }

  static List<String> names(Path directory) {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      entries.forEach(entry -> names.add(entry.getFileName().toString()));
    } catch (IOException | DirectoryIteratorException e) {
      // not ours to see, or its process has just ended: what was listed so far is what is known
    }
    return names;
  }

  static String text(Path file) {
    try {
      return Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }
}
