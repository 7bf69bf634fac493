package io.mirrorctl.cli.daemon;

import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.Map;
import java.util.TreeMap;

/** Collects samples of metrics. Names have the prefix and, of counters, the suffix added here. */
final class Families {
  private static final String PREFIX = "mirrorctl_";

  private final Map<String, GaugeSnapshot.Builder> gauges = new TreeMap<>();
  private final Map<String, CounterSnapshot.Builder> counters = new TreeMap<>();

  /**
   * A value that goes up and down.
   *
   * @param help the same for all samples of the name
   */
  void gauge(String name, String help, double value, Labels labels) {
    gauges
        .computeIfAbsent(name, n -> GaugeSnapshot.builder().name(PREFIX + n).help(help))
        .dataPoint(
            GaugeSnapshot.GaugeDataPointSnapshot.builder().value(value).labels(labels).build());
  }

  /** The same of something that is counted. */
  void gauge(String name, String help, long value, Labels labels) {
    gauge(name, help, (double) value, labels);
  }

  /** A count that only rises; its name gets {@code _total}. */
  void counter(String name, String help, long value, Labels labels) {
    counters
        .computeIfAbsent(name, n -> CounterSnapshot.builder().name(PREFIX + n).help(help))
        .dataPoint(
            CounterSnapshot.CounterDataPointSnapshot.builder()
                .value((double) value)
                .labels(labels)
                .build());
  }

  MetricSnapshots all() {
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    gauges.values().forEach(gauge -> all.metricSnapshot(gauge.build()));
    counters.values().forEach(counter -> all.metricSnapshot(counter.build()));
    return all.build();
  }
}
