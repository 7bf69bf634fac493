package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.HttpAddress;
import io.mirrorctl.cli.output.Console;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where a process tells over HTTP how it is. */
final class HttpOption {
  @Option(
      names = "--http",
      paramLabel = "ADDR",
      description =
          "Tell over HTTP at host:port, or at :port for this host only, how it is: /metrics for"
              + " Prometheus, /health, /ready. Port 0 takes a free one.")
  private Optional<String> http;

  /**
   * What the option says.
   *
   * @throws IllegalArgumentException if it cannot be meant
   */
  Optional<HttpAddress> address() {
    return http.map(HttpAddress::parse);
  }

  /** Says who else can read it. */
  static void warn(Optional<HttpAddress> address, Console console) {
    address
        .filter(HttpAddress::isOpenToOthers)
        .ifPresent(open ->
            console.note(
                "HTTP at %s can be reached from other hosts, and anybody there can read the names of arrays and disks and how they are",
                open));
  }
}
