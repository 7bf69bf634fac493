package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.lock.LockRecord.Entry;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** Reads the locks of a lockspace one after the other. */
final class LockTableReader {
  private final Store store;
  private final Paths paths;

  LockTableReader(Store store, Paths paths) {
    this.store = store;
    this.paths = paths;
  }

  CompletableFuture<LockTable> read() {
    return store
        .children(paths.locks())
        .thenCompose(names -> {
          List<CompletableFuture<LockTable.Resource>> resources =
              names.stream().sorted().map(this::resource).toList();
          CompletableFuture<LockspaceView> view = view();
          return CompletableFuture.allOf(
                  Stream.concat(resources.stream(), Stream.of(view))
                      .toArray(CompletableFuture[]::new))
              .thenApply(_ ->
                  new LockTable(
                      view.join(), resources.stream().map(CompletableFuture::join).toList()));
        });
  }

  private CompletableFuture<LockspaceView> view() {
    return store
        .read(paths.view())
        .thenCompose(entry -> {
          try {
            return CompletableFuture.completedFuture(
                ViewRecordCodec.decode(entry.orElseThrow().data()).toView());
          } catch (MalformedRecordException e) {
            return malformed(paths.view(), e);
          }
        });
  }

  private CompletableFuture<LockTable.Resource> resource(String name) {
    String path = paths.resource(name);
    return store
        .read(path)
        .thenCompose(entry -> {
          try {
            return CompletableFuture.completedFuture(
                describe(name, LockRecordCodec.decode(entry.orElseThrow().data())));
          } catch (MalformedRecordException e) {
            return malformed(path, e);
          }
        });
  }

  private static <T> CompletableFuture<T> malformed(String path, MalformedRecordException e) {
    return CompletableFuture.failedFuture(new StoreException(path + ": " + e.getMessage()));
  }

  private static LockTable.Resource describe(String name, LockRecord record) {
    List<LockTable.Held> held = new ArrayList<>();
    List<LockTable.Waiting> waiting = new ArrayList<>();
    for (Entry entry : record.entries()) {
      Instant since = Instant.ofEpochMilli(entry.sinceMillis());
      Optional<LockMode> mode = entry.state().heldMode();
      mode.ifPresent(m -> held.add(new LockTable.Held(entry.owner(), m, since, entry.note())));
    }
    inOrder(record)
        .forEach(entry ->
            waiting.add(
                new LockTable.Waiting(
                    entry.owner(),
                    entry.state().heldMode(),
                    entry.state().wantedMode().orElseThrow(),
                    Instant.ofEpochMilli(entry.sinceMillis()),
                    Blocking.of(entry, record))));
    return new LockTable.Resource(name, record.value(), held, waiting);
  }

  /** Conversions come before new requests. */
  private static Stream<Entry> inOrder(LockRecord record) {
    Stream<Entry> converting =
        record.entries().stream().filter(e -> e.state() instanceof LockRecord.State.Converting);
    Stream<Entry> waiting =
        record.entries().stream().filter(e -> e.state() instanceof LockRecord.State.Waiting);
    return Stream.concat(converting, waiting);
  }
}
