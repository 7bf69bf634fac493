package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.nbd.NbdServer;
import io.mirrorctl.core.env.Env;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** A served disk in numbers, over HTTP if it is wanted. Threading: any thread. */
final class DiskMetrics implements HttpEndpoint.Source, AutoCloseable {
  /** So finely the age of requests is known. */
  private static final long LOOK_MILLIS = 500;

  private final MeteredDevice disk;
  private final Future<?> looking;
  private volatile Optional<NbdServer> server = Optional.empty();

  DiskMetrics(MeteredDevice disk, Env env) {
    this.disk = disk;
    this.looking =
        env.timer()
            .scheduleAtFixedRate(
                disk.underWay()::turn, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** The disk is served from now on. */
  void serves(NbdServer by) {
    server = Optional.of(by);
  }

  @Override
  public MetricSnapshots metrics() {
    var families = new Families();
    Labels labels = Labels.of("disk", disk.name());
    families.gauge("ready", "Whether /ready says so.", server.isPresent() ? 1 : 0, Labels.EMPTY);
    families.gauge(
        "served_disk_connections",
        "NBD connections, those in the handshake too.",
        server.map(NbdServer::connections).orElse(0),
        labels);
    NodeMetrics.addRequests("served_disk", "clients", disk, labels, families);
    return families.all();
  }

  @Override
  public List<String> notReady() {
    return server.isPresent()
        ? List.of()
        : List.of("disk %s is not served yet, or no more".formatted(disk.name()));
  }

  /** The disk is not served any more. */
  @Override
  public void close() {
    server = Optional.empty();
    looking.cancel(false);
  }
}
