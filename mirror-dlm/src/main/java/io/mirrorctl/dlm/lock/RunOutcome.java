package io.mirrorctl.dlm.lock;

import java.util.List;

/**
 * What became of several steps.
 *
 * @param grants of the steps that were granted, from the first; they stand whatever came after
 * @param last outcome of the last step that was tried; a grant only if all were granted
 */
public record RunOutcome(List<Grant> grants, LockOutcome last) {
  public RunOutcome {
    grants = List.copyOf(grants);
  }

  /** Whether all steps were granted. */
  public boolean complete() {
    return last instanceof LockOutcome.Granted;
  }
}
