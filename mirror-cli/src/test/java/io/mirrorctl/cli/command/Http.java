package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.HttpAddress;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** What a process tells over HTTP. */
final class Http {
  private Http() {}

  static HttpResponse<String> get(HttpAddress address, String path)
      throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(URI.create("http://%s%s".formatted(address, path))).build(),
          BodyHandlers.ofString());
    }
  }

  /** The value of the one sample that begins with this. */
  static double value(String metrics, String sample) {
    return metrics
        .lines()
        .filter(line -> line.startsWith(sample + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(sample.length() + 1)))
        .reduce((_, _) -> {
          throw new AssertionError("more than one " + sample);
        })
        .orElseThrow(() -> new AssertionError("no %s in%n%s".formatted(sample, metrics)));
  }

  /** The names of all metrics. */
  static Set<String> names(String metrics) {
    Set<String> names = new TreeSet<>();
    metrics
        .lines()
        .filter(line -> line.startsWith("# TYPE "))
        .forEach(line -> names.add(line.substring("# TYPE ".length(), line.lastIndexOf(' '))));
    return names;
  }

  /** The names with this prefix that docs/cli.md has. */
  static Set<String> documented(String prefix) throws IOException {
    Set<String> names = new TreeSet<>();
    Pattern.compile("`(%s[a-z_]+)`".formatted(prefix))
        .matcher(Files.readString(Path.of("../docs/cli.md")))
        .results()
        .forEach(found -> names.add(found.group(1)));
    return names;
  }
}
