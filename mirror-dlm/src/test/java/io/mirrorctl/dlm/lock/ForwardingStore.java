package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.SessionEvent;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** Another store, until something is overridden. */
public abstract class ForwardingStore implements Store {
  private final Store store;

  protected ForwardingStore(Store store) {
    this.store = store;
  }

  @Override
  public CompletableFuture<CommitResult> commit(List<Op> ops) {
    return store.commit(ops);
  }

  @Override
  public CompletableFuture<Watch> watch(String path, WatchDepth depth, Consumer<Change> onChange) {
    return store.watch(path, depth, onChange);
  }

  @Override
  public void onSession(Consumer<SessionEvent> listener) {
    store.onSession(listener);
  }

  @Override
  public long sessionId() {
    return store.sessionId();
  }

  @Override
  public Duration sessionTimeout() {
    return store.sessionTimeout();
  }

  @Override
  public CompletableFuture<Optional<Entry>> read(String path) {
    return store.read(path);
  }

  @Override
  public CompletableFuture<List<String>> children(String path) {
    return store.children(path);
  }

  @Override
  public StoreCounts counts() {
    return store.counts();
  }

  @Override
  public void close() {
    store.close();
  }
}
