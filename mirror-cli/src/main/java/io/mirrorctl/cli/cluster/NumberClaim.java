package io.mirrorctl.cli.cluster;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.Store;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Finds a node's number by its name, or takes one for it. Blocks. */
final class NumberClaim {
  private static final long PATIENCE_SECONDS = 30;

  private final Store store;
  private final String name;
  private final OptionalInt wanted;

  /** A name and its number, with those of all others. */
  record Claimed(int number, NodeNumbers numbers) {}

  NumberClaim(Store store, String name, OptionalInt wanted) {
    this.store = store;
    this.name = name;
    this.wanted = wanted;
  }

  Claimed run() throws IOException {
    while (true) {
      Optional<Entry> entry = done(store.read(NodeNumbers.PATH));
      NodeNumbers known =
          entry.isPresent() ? NodeNumbers.decode(entry.get().data()) : NodeNumbers.NONE;
      Optional<Integer> own = known.numberOf(name);
      if (own.isPresent()) {
        if (wanted.isPresent() && wanted.getAsInt() != own.get()) {
          throw refused(
              "--node-number is %d, but node %s has number %d for ever; leave --node-number out"
                  .formatted(wanted.getAsInt(), name, own.get()));
        }
        return new Claimed(own.get(), known);
      }
      int number = choose(known);
      NodeNumbers next = known.with(number, name);
      Op write =
          entry.isPresent()
              ? new Op.Put(NodeNumbers.PATH, next.encode(), entry.get().version())
              : new Op.Create(NodeNumbers.PATH, next.encode(), Op.Life.PERSISTENT);
      try {
        if (done(store.commit(List.of(write))) instanceof CommitResult.Committed) {
          return new Claimed(number, next);
        }
      } catch (Unknown e) {
        // what became of it is read
      }
    }
  }

  private int choose(NodeNumbers known) throws CommandException {
    if (wanted.isEmpty()) {
      return known
          .free()
          .orElseThrow(() ->
              refused(
                  "all %d node numbers have a name: %s; start this node under one of them that is not in use any more"
                      .formatted(NodeNumbers.HIGHEST, String.join(", ", known.names().values()))));
    }
    int number = wanted.getAsInt();
    String other = known.names().get(number);
    if (other != null) {
      throw refused(
          "number %d is that of node %s for ever; choose another, or leave --node-number out"
              .formatted(number, other));
    }
    return number;
  }

  private static CommandException refused(String text) {
    return new CommandException(ExitCode.FAILED, text);
  }

  /** Whether it was committed nobody knows. */
  private static final class Unknown extends IOException {
    private static final long serialVersionUID = 1L;

    Unknown(Throwable cause) {
      super(cause.getMessage(), cause);
    }
  }

  private static <T> T done(CompletableFuture<T> answer) throws IOException {
    try {
      return answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof OutcomeUnknownException) {
        throw new Unknown(e.getCause());
      }
      throw new IOException(e.getCause().getMessage(), e.getCause());
    } catch (TimeoutException e) {
      throw new IOException(
          "ZooKeeper has not answered within %d s".formatted(PATIENCE_SECONDS), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException("the node's number is not known").initCause(e);
    }
  }
}
