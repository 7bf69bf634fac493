package io.mirrorctl.core.block;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The processes whose open files hold a claim or a QEMU lock on a file.
 *
 * <p>The kernel does not tell who holds such a lock, so the open files of all processes are to be
 * looked at, of which a host may have a hundred thousand. What is cheap to see comes first: whether
 * there is such a lock at all, then the programs that take such locks; the others only if none of
 * these has it.
 */
final class LockHolders {
  private static final Splitter FIELDS = Splitter.on(' ').trimResults().omitEmptyStrings();

  private final Path proc;
  private final String inode;

  private LockHolders(Path proc, long inode) {
    this.proc = proc;
    this.inode = ":" + inode;
  }

  /**
   * The holders as words for a message.
   *
   * @param proc where the kernel shows its processes
   */
  static List<String> find(Path proc, long inode) {
    var holders = new LockHolders(proc, inode);
    return holders.isLocked() ? holders.find() : List.of();
  }

  /** Whether the kernel's list of locks has one; also if there is no such list. */
  private boolean isLocked() {
    String locks = Occupants.text(proc.resolve("locks"));
    return locks.isEmpty() || locks.lines().anyMatch(this::isClaim);
  }

  private List<String> find() {
    List<String> usual = new ArrayList<>();
    List<String> others = new ArrayList<>();
    for (String pid : Occupants.names(proc)) {
      if (Character.isDigit(pid.charAt(0))) {
        (takesSuchLocks(program(pid)) ? usual : others).add(pid);
      }
    }
    List<String> found = among(usual);
    return found.isEmpty() ? among(others) : found;
  }

  private static boolean takesSuchLocks(String program) {
    return program.equals("java") || program.startsWith("qemu") || program.equals("kvm");
  }

  private List<String> among(List<String> pids) {
    return pids.stream().filter(this::holdsLock).map(this::describe).toList();
  }

  private String describe(String pid) {
    return pid.equals(Long.toString(ProcessHandle.current().pid()))
        ? "this process itself"
        : "process %s (%s)".formatted(pid, program(pid));
  }

  private String program(String pid) {
    return Occupants.text(proc.resolve(pid).resolve("comm")).strip();
  }

  private boolean holdsLock(String pid) {
    Path process = proc.resolve(pid);
    for (String file : Occupants.names(process.resolve("fd"))) {
      if (isPath(process.resolve("fd").resolve(file))
          && Occupants.text(process.resolve("fdinfo").resolve(file))
              .lines()
              .anyMatch(line -> line.startsWith("lock:") && isClaim(line.substring(5)))) {
        return true;
      }
    }
    return false;
  }

  /** Whether it is something with a path, and no socket or pipe. */
  private static boolean isPath(Path open) {
    try {
      return Files.readSymbolicLink(open).isAbsolute();
    } catch (IOException e) {
      return false; // just closed
    }
  }

  /** {@code 1: OFDLCK ADVISORY WRITE -1 fe:00:1234 4611686018427387904 EOF}. */
  private boolean isClaim(String line) {
    if (!line.contains(inode)) {
      return false;
    }
    List<String> fields = FIELDS.splitToList(line.replace('\t', ' '));
    if (fields.size() < 8 || !fields.get(1).equals("OFDLCK") || !fields.get(5).endsWith(inode)) {
      return false;
    }
    long first = Long.parseLong(fields.get(6));
    return Claim.owns(first) || (first >= 100 && first < 300);
  }
}
