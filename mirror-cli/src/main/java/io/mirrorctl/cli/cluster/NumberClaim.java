package io.mirrorctl.cli.cluster;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.Entry;
import io.mirrorctl.dlm.store.Op;
import io.mirrorctl.dlm.store.OutcomeUnknownException;
import io.mirrorctl.dlm.store.Store;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** Finds a node's number by its name, or takes one for it. Blocks. */
final class NumberClaim {
  private static final String WHAT = "the node's number";

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
      Optional<Entry> entry = Answers.await(store.read(NodeNumbers.PATH), WHAT);
      NodeNumbers known = entry.isPresent() ? decode(entry.get()) : NodeNumbers.NONE;
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
        if (Answers.await(store.commit(List.of(write)), WHAT) instanceof CommitResult.Committed) {
          return new Claimed(number, next);
        }
      } catch (IOException e) {
        if (!(e.getCause() instanceof OutcomeUnknownException)) {
          throw e;
        }
        // what became of it is read
      }
    }
  }

  private static NodeNumbers decode(Entry entry) throws IOException {
    try {
      return NodeNumbers.decode(entry.data());
    } catch (IllegalArgumentException e) {
      throw new IOException("the names of the nodes cannot be read: " + e.getMessage(), e);
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
}
