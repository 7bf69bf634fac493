package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.nbd.NbdClientConfig;
import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdDevice;
import io.mirrorctl.cli.nbd.NbdUri;
import io.mirrorctl.cli.nbd.NodeIdentity;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Disks as users name them: a file, a block device or an NBD URL. */
public final class Disks {
  /** For servers whose certificates are signed by authorities that Java knows. */
  public static final Disks DEFAULT = new Disks(NbdClientTls.DEFAULT);

  private final NbdClientTls tls;

  /**
   * @param tls for disks at {@code nbds://} URLs
   */
  public Disks(NbdClientTls tls) {
    this.tls = tls;
  }

  /**
   * The name under which every command and every node knows the disk, whatever directory it was
   * typed in: a path is made absolute, a URL gets the form in which the device names itself.
   *
   * @throws IllegalArgumentException if the text names no disk
   */
  public static String name(String typed) {
    if (typed.isBlank()) {
      throw new IllegalArgumentException("the name of a disk is empty");
    }
    if (NbdUri.looksLike(typed)) {
      return NbdUri.parse(typed).toString();
    }
    try {
      return Path.of(typed).toAbsolutePath().normalize().toString();
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException("\"%s\" is no path".formatted(typed), e);
    }
  }

  /**
   * Opens a disk. What the access says about other users holds for files and block devices; who
   * else uses an NBD export is for its server to say.
   *
   * @param disk as {@link #name} returns it
   */
  public BlockDevice open(String disk, DeviceAccess access) throws IOException {
    if (NbdUri.looksLike(disk)) {
      return connect(disk, config().withReadOnly(access instanceof DeviceAccess.ReadOnly));
    }
    return FileDevice.open(Path.of(disk), access);
  }

  /**
   * The same for a member of a shared array.
   *
   * @param self told to servers, which refuse it once it is fenced
   */
  public BlockDevice open(String disk, DeviceAccess.SharedBy access, NodeIdentity self)
      throws IOException {
    if (NbdUri.looksLike(disk)) {
      return connect(disk, config().sharedBy(self));
    }
    return FileDevice.open(Path.of(disk), access);
  }

  private NbdClientConfig config() {
    return NbdClientConfig.DEFAULT.withTls(tls);
  }

  private static NbdDevice connect(String disk, NbdClientConfig config) throws IOException {
    return NbdDevice.connect(NbdUri.parse(disk), config, Env.system());
  }
}
