package io.mirrorctl.core;

import io.mirrorctl.core.array.ArrayOptions;
import io.mirrorctl.core.array.ClusterPort;
import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.block.WriteOption;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.resync.SyncThread;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * An array that this process has for itself: assembled, kept in sync, read and written. The door
 * for Java programs that embed the mirror.
 *
 * <p>Units: offsets are bytes; requests need no alignment. Threading: any thread. Failure: {@link
 * io.mirrorctl.core.array.ArrayException} if it cannot be assembled; {@link IOException} from a
 * write means that nothing is known about it, from a read that no member could give the data.
 */
public final class LocalMirror implements Mirror {
  private final MirrorArray array;
  private final SyncThread sync;
  private final BlockDevice device;

  private LocalMirror(MirrorArray array, SyncThread sync) {
    this.array = array;
    this.sync = sync;
    this.device = array.device();
  }

  /** Assembles a complete array from its member files or block devices. */
  public static LocalMirror assemble(Path... disks) throws IOException {
    List<BlockDevice> devices = new ArrayList<>();
    try {
      for (Path disk : disks) {
        devices.add(FileDevice.open(disk, new DeviceAccess.Exclusive()));
      }
    } catch (IOException | RuntimeException | Error e) {
      closeAll(devices, e);
      throw e;
    }
    return assemble("array", devices, ArrayOptions.DEFAULT, Env.system());
  }

  /**
   * Assembles an array.
   *
   * @param name under which it is known here
   * @param devices its members, open; they belong to the array, and are closed with it or when this
   *     fails
   */
  public static LocalMirror assemble(
      String name, List<? extends BlockDevice> devices, ArrayOptions options, Env env)
      throws IOException {
    ClusterPort port = ClusterPort.singleNode();
    MirrorArray array = MirrorArray.assemble(name, devices, options, port, env);
    SyncThread sync = new SyncThread(array, port, env);
    sync.start();
    return new LocalMirror(array, sync);
  }

  private static void closeAll(List<BlockDevice> devices, Throwable reason) {
    for (BlockDevice device : devices) {
      try {
        device.close();
      } catch (IOException e) {
        reason.addSuppressed(e);
      }
    }
  }

  /** Reads from {@code offset} until the buffer is full. */
  public void read(long offset, ByteBuffer into) throws IOException {
    device.read(offset, into);
  }

  /** Writes all of the buffer; readable when this returns, durable after {@link #flush}. */
  public void write(long offset, ByteBuffer from) throws IOException {
    device.write(offset, from, WriteOption.NONE);
  }

  /** Returns when all writes that returned before are on stable storage of every member. */
  public void flush() throws IOException {
    device.flush();
  }

  public long sizeBytes() {
    return device.sizeBytes();
  }

  @Override
  public BlockDevice device() {
    return device;
  }

  @Override
  public MirrorArray array() {
    return array;
  }

  @Override
  public SyncThread sync() {
    return sync;
  }

  @Override
  public void close() throws IOException {
    sync.close();
    array.close();
  }
}
