package io.mirrorctl.dlm.lock;

import com.google.common.base.Splitter;
import io.mirrorctl.dlm.lock.History.Event;
import io.mirrorctl.dlm.lock.History.What;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Events as lines of text, to be sent from one process to another. */
final class HistoryLines {
  private static final char TAB = '\t';
  private static final Splitter FIELDS = Splitter.on(TAB);

  private HistoryLines() {}

  static String line(Event event) {
    String what =
        switch (event.what()) {
          case What.Asked(String resource, Set<LockMode> modes, long written) ->
              join(
                  "asked",
                  resource,
                  modes.stream().map(LockMode::name).collect(Collectors.joining(" ")),
                  written);
          case What.Granted g ->
              join(
                  "granted",
                  g.resource(),
                  g.mode(),
                  g.value(),
                  g.valid(),
                  g.generation(),
                  g.version(),
                  g.wrote());
          case What.Settled(String resource) -> join("settled", resource);
          case What.Released(String resource) -> join("released", resource);
          case What.Blocking(String resource) -> join("blocking", resource);
          case What.Callback(String text, long generation) -> join("callback", text, generation);
          case What.Lease(long until) -> join("lease", until);
          case What.Over _ -> "over";
        };
    return join(event.time(), event.node(), what);
  }

  private static String join(Object... fields) {
    StringBuilder line = new StringBuilder();
    for (Object field : fields) {
      line.append(line.isEmpty() ? "" : TAB).append(field);
    }
    return line.toString();
  }

  static Event event(String line) {
    List<String> f = FIELDS.splitToList(line);
    What what =
        switch (f.get(2)) {
          case "asked" -> new What.Asked(f.get(3), modes(f.get(4)), Long.parseLong(f.get(5)));
          case "granted" ->
              new What.Granted(
                  f.get(3),
                  LockMode.valueOf(f.get(4)),
                  Long.parseLong(f.get(5)),
                  Boolean.parseBoolean(f.get(6)),
                  Long.parseLong(f.get(7)),
                  Long.parseLong(f.get(8)),
                  Boolean.parseBoolean(f.get(9)));
          case "settled" -> new What.Settled(f.get(3));
          case "released" -> new What.Released(f.get(3));
          case "blocking" -> new What.Blocking(f.get(3));
          case "callback" -> new What.Callback(f.get(3), Long.parseLong(f.get(4)));
          case "lease" -> new What.Lease(Long.parseLong(f.get(3)));
          case "over" -> new What.Over();
          default -> throw new IllegalArgumentException(line);
        };
    return new Event(Long.parseLong(f.get(0)), f.get(1), what);
  }

  private static Set<LockMode> modes(String names) {
    return Splitter.on(' ')
        .splitToStream(names)
        .map(LockMode::valueOf)
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(LockMode.class)));
  }
}
