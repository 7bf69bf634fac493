package io.mirrorctl.core;

import io.mirrorctl.core.array.MirrorArray;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.resync.SyncThread;
import java.io.Closeable;
import java.io.IOException;

/**
 * An array in use by this process, for itself or together with other nodes.
 *
 * <p>Threading: any thread.
 */
public interface Mirror extends Closeable {

  /** State and disk management. */
  MirrorArray array();

  /** Resync, recovery and scrub. */
  SyncThread sync();

  /** The array as a device, for example to export it; closing that does nothing. */
  BlockDevice device();

  /**
   * Stops the array here: requests under way end, what was not flushed is flushed, and its disks
   * are closed, also where that fails.
   */
  @Override
  void close() throws IOException;
}
