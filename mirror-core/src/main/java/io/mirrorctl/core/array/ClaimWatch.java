package io.mirrorctl.core.array;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.ClaimBlock;
import io.mirrorctl.core.format.ClaimOwner;
import io.mirrorctl.core.format.ClaimRead;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.LongSupplier;

/**
 * Tells claims of others that live from those that their owners left behind: a claim lives if its
 * block has changed since it was seen first, and is silent if it has not for longer than three of
 * the intervals it tells.
 *
 * <p>Threading: any thread.
 */
final class ClaimWatch {
  private static final long MARGIN_MILLIS = 1000;

  private static final Duration LOOK_AGAIN = Duration.ofMillis(250);

  /** Of a block that cannot be read. */
  private static final int UNKNOWN_INTERVAL_MILLIS = 10_000;

  private final UUID array;
  private final ClaimOwner own;
  private final LongSupplier millis;
  private final Map<Key, Seen> seen = new HashMap<>();

  private record Key(UUID member, int slot) {}

  private record Seen(ClaimRead read, long since) {}

  /** What became of a slot's block since the last look. */
  enum Sight {
    /** Nobody of another ensemble holds it. */
    NOTHING,
    /** Somebody does, who may live. */
    UNKNOWN,
    /** Somebody does, and writes it. */
    LIVING,
    /** Somebody does, and has not written it for too long to be alive. */
    SILENT
  }

  /**
   * @param millis monotonic time
   */
  ClaimWatch(UUID array, ClaimOwner own, LongSupplier millis) {
    this.array = array;
    this.own = own;
    this.millis = millis;
  }

  /** Looks at the blocks of a member; says of each slot what is known now. */
  synchronized List<Sight> look(UUID member, List<ClaimRead> blocks) {
    long now = millis.getAsLong();
    Sight[] sights = new Sight[blocks.size()];
    for (int slot = 0; slot < sights.length; slot++) {
      sights[slot] = look(new Key(member, slot), blocks.get(slot), now);
    }
    return List.of(sights);
  }

  private Sight look(Key key, ClaimRead read, long now) {
    if (!isForeign(read) || !isHeld(read)) {
      seen.remove(key);
      return Sight.NOTHING;
    }
    Seen before = seen.get(key);
    if (before == null) {
      seen.put(key, new Seen(read, now));
      return Sight.UNKNOWN;
    }
    if (!before.read().equals(read)) {
      seen.put(key, new Seen(read, now));
      return Sight.LIVING;
    }
    return now - before.since() > patience(read) ? Sight.SILENT : Sight.UNKNOWN;
  }

  /** Whether the block is of somebody who may not use the array together with this node. */
  boolean isForeign(ClaimRead read) {
    return switch (read) {
      case ClaimRead.Valid(ClaimBlock block) ->
          block.array().equals(array) && !block.owner().ensemble().equals(own.ensemble());
      case ClaimRead.Unsupported _ -> true;
      case ClaimRead.Absent _, ClaimRead.Corrupt _ -> false;
    };
  }

  /** Whether the block is held by somebody who may use the array together with this node. */
  boolean isHeldByOwn(ClaimRead read) {
    return read instanceof ClaimRead.Valid(ClaimBlock block)
        && block.isHeld()
        && block.array().equals(array)
        && block.owner().ensemble().equals(own.ensemble());
  }

  private static boolean isHeld(ClaimRead read) {
    return !(read instanceof ClaimRead.Valid(ClaimBlock block)) || block.isHeld();
  }

  /** How long a living owner may be silent, in milliseconds. */
  static long patience(ClaimRead read) {
    return 3L * intervalMillis(read) + MARGIN_MILLIS;
  }

  /** How often the owner writes its block, as far as it is known. */
  static int intervalMillis(ClaimRead read) {
    return block(read).map(ClaimBlock::intervalMillis).orElse(UNKNOWN_INTERVAL_MILLIS);
  }

  /**
   * Waits until it is worth another look.
   *
   * @param whether what the looks are to tell, for who interrupts them
   */
  static void rest(Env env, String whether) throws InterruptedIOException {
    try {
      env.sleep(LOOK_AGAIN);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while it was watched whether " + whether);
    }
  }

  /** The block, if it can be read. */
  static Optional<ClaimBlock> block(ClaimRead read) {
    return read instanceof ClaimRead.Valid(ClaimBlock block)
        ? Optional.of(block)
        : Optional.empty();
  }

  /** The owner, for people. */
  static String who(ClaimRead read) {
    return block(read)
        .map(block -> block.owner().toString())
        .orElse("a node with a later release of this program");
  }
}
