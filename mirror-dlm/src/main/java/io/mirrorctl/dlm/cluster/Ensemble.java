package io.mirrorctl.dlm.cluster;

import static com.google.common.base.Preconditions.checkArgument;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.store.Bytes;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.Store;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The number by which a cluster's nodes know each other on the disks: the first one writes it into
 * the store, so nodes that ask other servers, or servers that have forgotten, have another one.
 * Blocks.
 */
final class Ensemble {
  static final String PATH = "/ensemble";

  private static final String HEADER = "mirrorctl-ensemble 1";
  private static final String WHAT = "the number of the cluster's ensemble";

  private Ensemble() {}

  /** Reads it, or makes it if there is none. */
  static UUID of(Store store, Env env) throws IOException {
    while (true) {
      Optional<Entry> entry = Await.done(store.read(PATH), WHAT);
      if (entry.isPresent()) {
        try {
          return decode(entry.get().data());
        } catch (IllegalArgumentException e) {
          throw new IOException(
              "%s cannot be read (%s); run the same release on all nodes"
                  .formatted(WHAT, e.getMessage()),
              e);
        }
      }
      Bytes made = encode(env.randomUuid());
      try {
        var _ =
            Await.done(store.commit(List.of(new Op.Create(PATH, made, Op.Life.PERSISTENT))), WHAT);
      } catch (IOException e) {
        if (!(e.getCause() instanceof OutcomeUnknownException)) {
          throw e;
        }
      }
      // whoever made it, and whatever became of this: it is read
    }
  }

  static Bytes encode(UUID ensemble) {
    return Bytes.utf8(HEADER + "\n" + ensemble + "\n");
  }

  static UUID decode(Bytes data) {
    List<String> lines = data.text().lines().toList();
    checkArgument(
        lines.size() == 2 && lines.getFirst().equals(HEADER),
        "%s holds \"%s\"",
        PATH,
        data.text().strip());
    UUID ensemble = UUID.fromString(lines.get(1));
    checkArgument(ensemble.toString().equals(lines.get(1)), "%s holds \"%s\"", PATH, lines.get(1));
    return ensemble;
  }
}
