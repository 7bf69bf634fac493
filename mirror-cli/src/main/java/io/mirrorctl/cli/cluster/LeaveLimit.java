package io.mirrorctl.cli.cluster;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.dlm.cluster.ClusterNode;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends a node that is leaving when that comes to no end: the others take it for a death then, wait
 * for its lease, and adopt what it had not finished.
 */
final class LeaveLimit implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LeaveLimit.class);

  /** While ZooKeeper answers. */
  private static final Duration LONGEST = Duration.ofSeconds(60);

  /** While it does not. */
  private static final Duration AWAY = Duration.ofSeconds(10);

  private final ClusterNode node;
  private final String name;
  private final Env env;
  private final long since;
  private final ScheduledFuture<?> looking;
  private long answered;
  private boolean ended;

  private LeaveLimit(ClusterNode node, String name, Env env) {
    this.node = node;
    this.name = name;
    this.env = env;
    this.since = env.millis();
    this.answered = since;
    this.looking = env.timer().scheduleAtFixedRate(this::look, 1, 1, TimeUnit.SECONDS);
  }

  static LeaveLimit start(ClusterNode node, String name, Env env) {
    return new LeaveLimit(node, name, env);
  }

  private void look() {
    var _ =
        node.membership().diagnostics().thenAccept(diagnostics -> heard(diagnostics.suspended()));
    end();
  }

  private synchronized void heard(boolean suspended) {
    if (!suspended) {
      answered = env.millis();
    }
  }

  private synchronized void end() {
    long now = env.millis();
    boolean away = now - answered >= AWAY.toMillis();
    if (ended || (!away && now - since < LONGEST.toMillis())) {
      return;
    }
    ended = true;
    LOG.warn(
        "node {} ends without having left its cluster, as {}: the others wait for its lease, and"
            + " take over what it had not finished",
        name,
        away ? "ZooKeeper does not answer" : "that took too long");
    env.io().execute(node::close);
  }

  @Override
  public void close() {
    looking.cancel(false);
  }
}
