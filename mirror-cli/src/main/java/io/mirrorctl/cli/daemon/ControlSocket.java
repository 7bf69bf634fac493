package io.mirrorctl.cli.daemon;

import static com.google.common.base.Strings.isNullOrEmpty;
import static java.nio.charset.StandardCharsets.UTF_8;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import java.io.Closeable;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.Map;
import java.util.Optional;
import jdk.net.ExtendedSocketOptions;

/**
 * The Unix socket by which commands find their node; only for the user that runs the node, and
 * root. A node has it locked ({@link LockFile}) as long as it lives, so that of two nodes one is
 * refused.
 */
public final class ControlSocket implements Closeable {
  private static final int BACKLOG = 64;

  /** What the kernel takes as the path of a Unix socket. */
  private static final int LONGEST_PATH = 107;

  private final Path path;
  private final LockFile lock;
  private final ServerSocketChannel channel;

  private ControlSocket(Path path, LockFile lock, ServerSocketChannel channel) {
    this.path = path;
    this.lock = lock;
    this.channel = channel;
  }

  /**
   * The socket that commands and nodes use when they are told none.
   *
   * @param environment of the process
   * @param root whether the process may do anything
   */
  public static Path defaultPath(Map<String, String> environment, boolean root, Path home) {
    String named = environment.get("MIRRORCTL_SOCKET");
    if (!isNullOrEmpty(named)) {
      return Path.of(named).toAbsolutePath().normalize();
    }
    String runtime = environment.get("XDG_RUNTIME_DIR");
    if (!isNullOrEmpty(runtime)) {
      return Path.of(runtime, "mirrorctl", "node.sock");
    }
    return root
        ? Path.of("/run/mirrorctl/node.sock")
        : home.resolve(".mirrorctl").resolve("node.sock");
  }

  /** The socket of this process when it is told none. */
  public static Path defaultPath() {
    return defaultPath(
        System.getenv(),
        "root".equals(System.getProperty("user.name")),
        Path.of(System.getProperty("user.home")));
  }

  /** Takes the path for this process; refused while another node has it. */
  static ControlSocket open(Path path) throws IOException {
    checkLength(path);
    Optional<LockFile> taken;
    try {
      Files.createDirectories(
          path.getParent(),
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      if (isAnswered(path)) {
        throw inUse(path);
      }
      taken =
          LockFile.take(
              path,
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    } catch (FileSystemException e) {
      throw new CommandException(
          ExitCode.FAILED,
          "control socket %s: it cannot be made: %s; name a path in a directory you may write with --socket"
              .formatted(path, Failure.of(e).text()),
          e);
    }
    LockFile lock = taken.orElseThrow(() -> inUse(path));
    try {
      removeStale(path);
      return new ControlSocket(path, lock, bind(path));
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  static void checkLength(Path path) throws CommandException {
    if (path.toString().getBytes(UTF_8).length > LONGEST_PATH) {
      throw new CommandException(
          ExitCode.USAGE,
          "control socket %s: its path is longer than the %d bytes the kernel takes; name a shorter one with --socket"
              .formatted(path, LONGEST_PATH));
    }
  }

  private static CommandException inUse(Path path) {
    return new CommandException(
        ExitCode.FAILED,
        "control socket %s: another node uses it; give this one its own with --socket"
            .formatted(path));
  }

  /** Whether somebody listens at the socket. */
  private static boolean isAnswered(Path path) {
    try (var _ = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static void removeStale(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .isOther()) {
      throw new CommandException(
          ExitCode.FAILED,
          "control socket %s: there is something there that is not a socket; remove it or name another path with --socket"
              .formatted(path));
    }
    Files.delete(path);
  }

  private static ServerSocketChannel bind(Path path) throws IOException {
    ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      channel.bind(UnixDomainSocketAddress.of(path), BACKLOG);
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
      return channel;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw new IOException("control socket %s: %s".formatted(path, e.getMessage()), e);
    }
  }

  Path path() {
    return path;
  }

  /** The next client. */
  SocketChannel accept() throws IOException {
    return channel.accept();
  }

  /**
   * Whether the client runs as the user whose socket this is, or as root. The mode of the file says
   * the same, but for a moment after it was made.
   */
  boolean isForUs(SocketChannel client) throws IOException {
    UserPrincipal user = client.getOption(ExtendedSocketOptions.SO_PEERCRED).user();
    return user.equals(Files.getOwner(path)) || user.getName().equals("root");
  }

  /** Ends {@link #accept}; the path stays taken until {@link #close}. */
  void stopListening() throws IOException {
    channel.close();
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(path);
    lock.close();
  }
}
