package io.mirrorctl.dlm.lock;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a caller should not ask of locks. */
final class StepCheck {
  private StepCheck() {}

  /** The first thing that is wrong with the steps. */
  static Optional<RuntimeException> wrong(List<Step> steps, LockspaceMember member) {
    Map<Lock, Optional<LockMode>> held = new HashMap<>();
    for (Step step : steps) {
      Optional<LockMode> before = held.getOrDefault(step.lock(), step.lock().granted());
      Optional<RuntimeException> wrong = wrong(step, before, member);
      if (wrong.isPresent()) {
        return wrong;
      }
      held.put(step.lock(), Optional.of(step.request().mode()));
    }
    return steps.isEmpty()
        ? Optional.of(new IllegalArgumentException("a run has at least one step"))
        : Optional.empty();
  }

  private static Optional<RuntimeException> wrong(
      Step step, Optional<LockMode> before, LockspaceMember member) {
    String resource = step.lock().resource();
    if (!(step.lock() instanceof HeldLock lock) || !lock.isOf(member)) {
      return Optional.of(
          new IllegalArgumentException(
              "lock %s is not of lockspace %s".formatted(resource, member.name())));
    }
    if (lock.isClosed()) {
      return Optional.of(new IllegalStateException("lock %s was unlocked".formatted(resource)));
    }
    if (lock.isBusy()) {
      return Optional.of(
          new IllegalStateException("lock %s has a request under way".formatted(resource)));
    }
    LockMode mode = step.request().mode();
    if (step.request().value().isPresent()
        && before.filter(from -> GrantQueue.writes(from, mode)).isEmpty()) {
      return Optional.of(
          new IllegalArgumentException(
              "lock %s: from %s to %s no value block is written"
                  .formatted(resource, before.map(LockMode::name).orElse("none"), mode)));
    }
    return Optional.empty();
  }
}
