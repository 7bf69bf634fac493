package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Somebody who waits, and why; the names are the keys of its JSON.
 *
 * @param array that it is about; empty if it is about the node
 * @param who as in "the oldest of 3 requests of clients"
 * @param what it waits for
 * @param by who has it, or has to do it
 * @param millis for so long; empty if that is not known
 * @param atLeast whether it may have been longer
 * @param advice what can be done about it
 * @param because what keeps that from happening in turn
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
public record Waiter(
    Optional<String> array,
    String who,
    String what,
    Optional<String> by,
    OptionalLong millis,
    boolean atLeast,
    Optional<String> advice,
    List<Waiter> because) {

  public Waiter {
    because = List.copyOf(because);
  }

  static Waiter of(String who, String what) {
    return new Waiter(
        Optional.empty(),
        who,
        what,
        Optional.empty(),
        OptionalLong.empty(),
        false,
        Optional.empty(),
        List.of());
  }

  Waiter in(String name) {
    return new Waiter(Optional.of(name), who, what, by, millis, atLeast, advice, because);
  }

  Waiter by(String holder) {
    return new Waiter(array, who, what, Optional.of(holder), millis, atLeast, advice, because);
  }

  Waiter since(long waited) {
    return new Waiter(array, who, what, by, OptionalLong.of(waited), false, advice, because);
  }

  Waiter atLeast(long since) {
    return new Waiter(array, who, what, by, OptionalLong.of(since), true, advice, because);
  }

  Waiter advising(String text) {
    return new Waiter(array, who, what, by, millis, atLeast, Optional.of(text), because);
  }

  Waiter because(List<Waiter> reasons) {
    return new Waiter(array, who, what, by, millis, atLeast, advice, reasons);
  }

  /** Whether it, or what it waits for, has lasted so long, or for a time that nobody knows. */
  boolean hasLasted(long shortest) {
    return millis.isEmpty()
        || millis.getAsLong() >= shortest
        || because.stream().anyMatch(reason -> reason.hasLasted(shortest));
  }
}
