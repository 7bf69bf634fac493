package io.mirrorctl.core.block;

import org.opentest4j.TestAbortedException;

/** What tests need of the host: programs, and root for loop devices and mounts. */
public final class HostNeeds {
  private HostNeeds() {}

  /**
   * What to throw when a need is not met: on CI, where everything is installed, the test fails;
   * elsewhere it is skipped with this message.
   */
  public static RuntimeException unmet(String message) {
    if ("true".equals(System.getenv("CI"))) {
      throw new AssertionError(message);
    }
    return new TestAbortedException(message + "; sudo .ci/setup installs what the tests need");
  }

  /** Loop devices and mounts are root's. */
  public static void requireRoot() {
    if (!"root".equals(System.getProperty("user.name"))) {
      throw unmet("needs root, this is " + System.getProperty("user.name"));
    }
  }
}
