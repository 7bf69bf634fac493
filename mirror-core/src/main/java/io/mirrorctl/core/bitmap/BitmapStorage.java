package io.mirrorctl.core.bitmap;

import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;

/** Where the pages of this node's slot go, and when they may lose bits; the array implements it. */
public interface BitmapStorage {

  /**
   * Writes these pages to every member that has a role and is not faulty, and returns when they are
   * durable on all of those that remain. Which order they land in is free. Failing members are the
   * array's business; an exception means that the pages are not durable.
   *
   * <p>A member that fails here may lack the new bits, and after a crash it looks in sync until the
   * superblocks of the others say that it failed. So either they say so before any data goes out
   * under these bits, or whoever assembles the array or takes that member back loads the bits of
   * every member that looked in sync, not of one of them.
   *
   * <p>Never called by two threads at once, and always on a thread of {@link
   * io.mirrorctl.core.env.Env#io}, which nobody interrupts. It must not wait for the bitmap: what a
   * lost member asks of the bitmap is done after the return, by another thread. An implementation
   * that leaves I/O to a failed member behind may see later bytes in the image of that I/O.
   */
  void writePages(List<BitmapPage> pages) throws IOException;

  /**
   * Flushes every member behind all data written so far. May run at the same time as {@link
   * #writePages}. A member whose flush fails is failed; an exception means that data may not be
   * durable.
   */
  void flushMembers() throws IOException;

  /**
   * The events of the superblock if bits may be cleared now, because every role of the array is in
   * sync; else empty.
   *
   * <p>Called with the bitmap's lock held: it must neither block nor call the bitmap.
   */
  OptionalLong clearableAtEvents();
}
