package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.util.Map;

/**
 * A mode that was granted, and what was read with it in the same moment.
 *
 * @param value the value block as the commit of the grant left it: for a grant that reads, what the
 *     last writer wrote; for one that writes, what this owner wrote
 * @param generation of the lockspace's view in which it was granted
 * @param version of the resource's record; rises with every change of the resource by anybody, so
 *     it also serves as a fencing number
 * @param notes of the other owners that left one, by slot
 */
public record Grant(
    LockMode mode, ValueBlock value, long generation, long version, Map<Integer, Bytes> notes) {
  public Grant {
    notes = Map.copyOf(notes);
  }
}
