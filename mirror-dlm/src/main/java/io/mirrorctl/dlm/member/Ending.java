package io.mirrorctl.dlm.member;

/**
 * How a command or a node process ends: what answers and halt codes have in common. The table of
 * all of them is in docs/protocols/membership.md.
 */
public sealed interface Ending permits Status, HaltCode {
  /** 0 done, 1 failed, 2 wrong use, 3 the cluster is out of reach, 4 refused to protect data. */
  int exitCode();

  /** What it means, whatever the case at hand. */
  String text();
}
