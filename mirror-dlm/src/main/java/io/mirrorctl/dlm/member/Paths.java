package io.mirrorctl.dlm.member;

import java.util.Optional;

/** Where the membership keeps what: docs/formats/membership.md. */
final class Paths {
  static final String CLUSTER = "/cluster";
  static final String VIEW = CLUSTER + "/view";
  static final String NODES = CLUSTER + "/nodes";
  static final String LEASES = CLUSTER + "/leases";

  private Paths() {}

  static String node(Incarnation id) {
    return NODES + "/" + name(id);
  }

  static String lease(Incarnation id) {
    return LEASES + "/" + name(id);
  }

  private static String name(Incarnation id) {
    return id.node() + "-" + id.number();
  }

  /** Whose entry below this parent it is; empty if it is none. */
  static Optional<Incarnation> below(String parent, String path) {
    if (!path.startsWith(parent + "/")) {
      return Optional.empty();
    }
    String name = path.substring(parent.length() + 1);
    int dash = name.indexOf('-');
    try {
      return Optional.of(
          new Incarnation(
              Integer.parseInt(name.substring(0, Math.max(0, dash))),
              Long.parseLong(name.substring(dash + 1))));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }
}
