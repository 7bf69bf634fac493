package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the first member fixed for the rest: docs/formats/membership.md.
 *
 * @param parameters that every member must have, by name
 */
record ClusterRecord(Heartbeat heartbeat, SortedMap<String, String> parameters) {
  private static final int VERSION = 1;
  private static final String KIND = "mirrorctl-cluster";

  static ClusterRecord of(MemberSettings settings) {
    return new ClusterRecord(settings.heartbeat(), settings.announced());
  }

  Bytes encode() {
    var text = new StringBuilder();
    text.append(KIND).append(' ').append(VERSION).append('\n');
    text.append("clock-period-millis ").append(heartbeat.clockPeriodMillis()).append('\n');
    text.append("send-multiple ").append(heartbeat.sendMultiple()).append('\n');
    text.append("receive-multiple ").append(heartbeat.receiveMultiple()).append('\n');
    parameters.forEach((key, value) ->
        text.append("parameter ").append(key).append(' ').append(value).append('\n'));
    return Bytes.utf8(text.toString());
  }

  static ClusterRecord decode(String path, Bytes data) throws UnreadableRecordException {
    Lines lines = Lines.of(path, data, KIND, VERSION);
    int period = (int) lines.number("clock-period-millis", 0, Integer.MAX_VALUE);
    int send = (int) lines.number("send-multiple", 0, Integer.MAX_VALUE);
    int receive = (int) lines.number("receive-multiple", 0, Integer.MAX_VALUE);
    SortedMap<String, String> parameters = new TreeMap<>();
    while (lines.at("parameter")) {
      String text = lines.value("parameter");
      int space = text.indexOf(' ');
      if (space < 0
          || parameters.put(text.substring(0, space), text.substring(space + 1)) != null) {
        throw lines.broken("parameter \"" + text + "\" without a value, or twice");
      }
    }
    lines.end();
    try {
      return new ClusterRecord(new Heartbeat(period, send, receive), parameters);
    } catch (IllegalArgumentException e) {
      throw lines.broken(e.getMessage());
    }
  }

  /** What keeps a node from joining this cluster, one line for each, with both values. */
  List<String> mismatches(MemberSettings settings) {
    SortedMap<String, String> own = settings.announced();
    SortedMap<String, String> all = new TreeMap<>(parameters);
    all.putAll(own);
    List<String> found = new ArrayList<>();
    for (String key : all.keySet()) {
      String here = shown(own, key);
      String there = shown(parameters, key);
      if (!here.equals(there)) {
        found.add("%s: this node has %s, the cluster has %s".formatted(key, here, there));
      }
    }
    return found;
  }

  private static String shown(SortedMap<String, String> from, String key) {
    return from.containsKey(key) ? "\"" + from.get(key) + "\"" : "none";
  }
}
