package io.mirrorctl.it;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The md driver of Debian's kernel as a judge: it assembles copies of member images in a virtual
 * machine, resyncs them and scrubs them. Takes 15 to 90 s, and at its first run downloads some 700
 * MB into {@code $KC_CACHE}, by default {@code /tmp/md-kernel-check-cache}. Needs root and Debian.
 */
public final class KernelCheck {
  private static final String VERDICT = "KERNEL-CHECK ";
  private static final String OK = VERDICT + "ok ";

  private final List<Path> members;
  private final List<String> options = new ArrayList<>();

  private KernelCheck(List<Path> members) {
    this.members = members;
  }

  /** A check of the members of one array: images, plain or packed by xz. */
  public static KernelCheck of(Path... members) {
    return new KernelCheck(List.of(members));
  }

  /** The node id, 1 or 2, that the kernel takes in the cluster of a clustered array. */
  public KernelCheck asNode(int id) {
    return option("-n", id);
  }

  /** Demands this content of the whole array after any resync. */
  public KernelCheck expectSha256(String sha256) {
    return option("-s", sha256);
  }

  /** Keeps the members as the kernel left them, m0.img and so on, in a directory. */
  public KernelCheck keepIn(Path directory) {
    return option("-o", directory);
  }

  /** Assembles read-only: no resync, no scrub, nothing is written. */
  public KernelCheck readOnly() {
    options.add("-r");
    return this;
  }

  private KernelCheck option(String name, Object value) {
    options.addAll(Arrays.asList(name, value.toString()));
    return this;
  }

  /** Runs the check, which must end well, and returns what the kernel made of the members. */
  public Map<String, String> run() {
    var command = new ArrayList<Object>(List.of("bash", script()));
    command.addAll(options);
    command.addAll(members);
    return verdict(Tool.of(command).limit(Duration.ofMinutes(15)).runToAnyEnd().out());
  }

  private static Path script() {
    try {
      return Path.of(KernelCheck.class.getResource("/kernel/kernel-check.sh").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The values of the verdict in the script's output; fails if the kernel refused the members. */
  static Map<String, String> verdict(String output) {
    String verdict =
        output.lines().filter(line -> line.startsWith(VERDICT)).reduce("", (a, b) -> b);
    if (!verdict.startsWith(OK)) {
      throw new AssertionError("the kernel does not accept these members:\n" + output);
    }
    var values = new LinkedHashMap<String, String>();
    for (String field : verdict.substring(OK.length()).strip().split(" +", -1)) {
      int equals = field.indexOf('=');
      values.put(field.substring(0, equals), field.substring(equals + 1));
    }
    return values;
  }
}
