package io.mirrorctl.cli.daemon;

import static java.util.stream.Collectors.toMap;

import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.MdUuid;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Takes the configured arrays into use: when the node starts, when it is asked to, and, for those
 * whose disks were not there when it started, as soon as they are: tried after 1 s, then after
 * pauses that grow to 30 s.
 *
 * <p>Threading: any thread; one scan at a time.
 */
final class Scans {
  private static final System.Logger LOG = System.getLogger(Scans.class.getName());
  private static final long FIRST_PAUSE_MILLIS = 1_000;
  private static final long LONGEST_PAUSE_MILLIS = 30_000;

  private final String node;
  private final ScanConfig config;
  private final DiskSearch search;
  private final ArrayChoice.Looker looker;
  private final NodeArrays arrays;
  private final Env env;
  private final ReentrantLock scanning = new ReentrantLock();

  /** Configured arrays that were not in use yet since the node started. */
  private final ConcurrentSkipListMap<String, Missing> missing = new ConcurrentSkipListMap<>();

  /** An array that is waited for. */
  private static final class Missing {
    private volatile String reason;

    /** Told by who stops it, also while it is being assembled. */
    private volatile boolean unwanted;

    private Missing(String reason) {
      this.reason = reason;
    }
  }

  Scans(
      String node,
      ScanConfig config,
      DiskSearch search,
      ArrayChoice.Looker looker,
      NodeArrays arrays,
      Env env) {
    this.node = node;
    this.config = config;
    this.search = search;
    this.looker = looker;
    this.arrays = arrays;
    this.env = env;
  }

  /**
   * Assembles the configured arrays. One that cannot be is tried again later; the node serves
   * without it.
   *
   * @param unwanted asked before each array
   */
  void begin(BooleanSupplier unwanted) throws InterruptedException {
    if (config.arrays().isEmpty()) {
      return;
    }
    for (ScanResult.Entry array : scan(config.arrays(), unwanted).arrays()) {
      array
          .reason()
          .ifPresent(reason -> {
            LOG.log(
                Level.WARNING,
                "{0} is not in use yet, and is tried again: {1}",
                array.name(),
                reason);
            missing.put(array.name(), new Missing(reason));
          });
    }
    tryAfter(FIRST_PAUSE_MILLIS);
  }

  private void tryAfter(long pause) {
    if (!missing.isEmpty()) {
      Future<?> _ =
          env.timer()
              .schedule(
                  () -> env.io().execute(() -> tryMissing(pause)), pause, TimeUnit.MILLISECONDS);
    }
  }

  private void tryMissing(long pause) {
    if (arrays.hasEnded()) {
      return;
    }
    try {
      Map<String, Missing> tried = Map.copyOf(missing);
      List<WantedArray> wanted =
          config.arrays().stream().filter(array -> tried.containsKey(array.name())).toList();
      for (ScanResult.Entry array : scan(wanted, arrays::hasEnded).arrays()) {
        settle(array, tried.get(array.name()));
      }
    } catch (IOException e) {
      LOG.log(Level.WARNING, "{0}", e.getMessage());
    } catch (RuntimeException e) {
      LOG.log(Level.ERROR, "looking for arrays failed by a bug", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    if (!arrays.hasEnded()) {
      tryAfter(Math.min(2 * pause, LONGEST_PAUSE_MILLIS));
    }
  }

  private void settle(ScanResult.Entry array, Missing waited)
      throws IOException, InterruptedException {
    if (array.reason().isPresent()) {
      String reason = array.reason().get();
      if (!waited.reason.equals(reason) && !waited.unwanted) {
        LOG.log(Level.WARNING, "{0} is not in use yet: {1}", array.name(), reason);
      }
      waited.reason = reason;
      return;
    }
    missing.remove(array.name(), waited);
    boolean ours = array.outcome() == ScanResult.Outcome.ASSEMBLED;
    if (waited.unwanted && ours && arrays.runs(array.name())) {
      arrays.stop(array.name());
    }
  }

  /** Looks at the disks and assembles what is configured, or what is there. */
  ScanResult scan() throws IOException, InterruptedException {
    if (search.isEmpty() && config.arrays().isEmpty()) {
      throw ArrayException.failed(
          "node %s is not told where to look; start it with --config FILE in which disks: or arrays: says so"
              .formatted(node));
    }
    ScanResult result = scan(config.arrays(), () -> false);
    result.arrays().stream()
        .filter(array -> array.reason().isEmpty())
        .forEach(array -> missing.remove(array.name()));
    return result;
  }

  /** Those that are wanted; or if there are none, all that are there. */
  private ScanResult scan(Collection<WantedArray> wanted, BooleanSupplier unwanted)
      throws InterruptedException {
    scanning.lockInterruptibly();
    try {
      DiskSearch.Look look = search.look();
      Map<String, UUID> running = running();
      List<ArrayChoice> choices =
          config.arrays().isEmpty()
              ? ArrayChoice.found(look, running, looker)
              : ArrayChoice.configured(wanted, look, running);
      List<ScanResult.Entry> entries = new ArrayList<>();
      for (ArrayChoice choice : choices) {
        if (unwanted.getAsBoolean()) {
          break;
        }
        entries.add(carryOut(choice));
      }
      return new ScanResult(look.looked(), entries, look.unreadable());
    } finally {
      scanning.unlock();
    }
  }

  private Map<String, UUID> running() {
    return arrays.all().stream()
        .collect(toMap(NodeArray::name, array -> array.mirror().array().status().uuid()));
  }

  private ScanResult.Entry carryOut(ArrayChoice choice) throws InterruptedException {
    return switch (choice.verdict()) {
      case ArrayChoice.Verdict.Running _ ->
          entry(choice.name(), choice.uuid(), ScanResult.Outcome.RUNNING, null);
      case ArrayChoice.Verdict.Missing(String reason) ->
          entry(choice.name(), choice.uuid(), ScanResult.Outcome.FAILED, reason);
      case ArrayChoice.Verdict.Foreign(String reason) ->
          entry(choice.name(), choice.uuid(), ScanResult.Outcome.FOREIGN, reason);
      case ArrayChoice.Verdict.Start(NodeRequest.Assemble request) -> {
        try {
          UUID uuid = arrays.assemble(request).mirror().array().status().uuid();
          yield entry(choice.name(), Optional.of(uuid), ScanResult.Outcome.ASSEMBLED, null);
        } catch (IOException e) {
          yield entry(choice.name(), choice.uuid(), ScanResult.Outcome.FAILED, e.getMessage());
        }
      }
    };
  }

  private static ScanResult.Entry entry(
      String name, Optional<UUID> uuid, ScanResult.Outcome outcome, String reason) {
    return new ScanResult.Entry(
        name, uuid.map(MdUuid::format), outcome, Optional.ofNullable(reason));
  }

  /** Configured arrays that are not in use yet. */
  List<ArraySummary> missing() {
    return missing.keySet().stream()
        .filter(name -> reason(name).isPresent())
        .map(ArraySummary::waiting)
        .toList();
  }

  /** Why a configured array is not in use yet. */
  Optional<String> reason(String array) {
    return Optional.ofNullable(missing.get(array))
        .filter(_ -> !arrays.runs(array)) // somebody may have assembled it by hand
        .map(waited -> waited.reason);
  }

  /** Tries this array no more; false if it was not waited for, or is in use all the same. */
  boolean forget(String array) {
    Missing waited = missing.remove(array);
    if (waited != null) {
      waited.unwanted = true;
    }
    return waited != null && !arrays.runs(array);
  }
}
