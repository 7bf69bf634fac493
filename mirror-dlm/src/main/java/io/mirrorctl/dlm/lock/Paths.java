package io.mirrorctl.dlm.lock;

import com.google.common.base.Preconditions;
import java.util.regex.Pattern;

/** Where the entries of one lockspace are: docs/formats/znodes.md. */
record Paths(String lockspace) {
  static final String ALL = "/lockspaces";

  private static final Pattern NAME = Pattern.compile("(?!\\.{1,2}$)[A-Za-z0-9._:-]{1,64}");

  Paths {
    check(lockspace);
  }

  static void check(String name) {
    Preconditions.checkArgument(
        NAME.matcher(name).matches(),
        "'%s' is no name: 1 to 64 letters, digits and . _ : - are, but not . or ..",
        name);
  }

  String home() {
    return ALL + "/" + lockspace;
  }

  String view() {
    return home() + "/view";
  }

  String locks() {
    return home() + "/locks";
  }

  String resource(String resource) {
    return locks() + "/" + resource;
  }
}
