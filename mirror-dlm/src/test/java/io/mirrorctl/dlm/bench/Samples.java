package io.mirrorctl.dlm.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** Operations that are measured in turn, so that all share the machine's good and bad moments. */
final class Samples {
  private final Map<String, Callable<?>> operations = new LinkedHashMap<>();
  private final Map<String, List<Long>> nanos = new LinkedHashMap<>();

  void add(String name, Callable<?> operation) {
    operations.put(name, operation);
    nanos.put(name, new ArrayList<>());
  }

  /** Each operation once in each round. */
  void run(int warmUp, int rounds) throws Exception {
    for (int round = -warmUp; round < rounds; round++) {
      for (var operation : operations.entrySet()) {
        long begin = System.nanoTime();
        Object own = operation.getValue().call();
        long took = own instanceof Long told ? told : System.nanoTime() - begin;
        if (round >= 0) {
          nanos.get(operation.getKey()).add(took);
        }
      }
    }
  }

  /** Forgets what was measured so far. */
  void clear() {
    nanos.values().forEach(List::clear);
  }

  /** The {@code part} quantile in microseconds. */
  double micros(String name, double part) {
    List<Long> sorted = nanos.get(name).stream().sorted().toList();
    return sorted.get((int) Math.min(sorted.size() - 1, part * sorted.size())) / 1000.0;
  }

  double median(String name) {
    return micros(name, 0.5);
  }
}
