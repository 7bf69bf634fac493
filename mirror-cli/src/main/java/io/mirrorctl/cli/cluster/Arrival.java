package io.mirrorctl.cli.cluster;

import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.cluster.ClusterNode;
import io.mirrorctl.dlm.cluster.LateWrites;
import io.mirrorctl.dlm.member.FenceAgent;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The way of a node into the cluster, which can be given up while it waits for others. */
final class Arrival {
  private static final Logger LOG = LoggerFactory.getLogger(Arrival.class);
  private static final int LOOK_MILLIS = 100;

  private final ClusterConfig config;
  private final ZooKeeperOptions servers;
  private final LateWrites late;
  private final Env env;

  /**
   * @param late what earlier incarnations of this node wrote too late
   */
  Arrival(ClusterConfig config, ZooKeeperOptions servers, LateWrites late, Env env) {
    this.config = config;
    this.servers = servers;
    this.late = late;
    this.env = env;
  }

  /** What takes long, and ends by itself some time. */
  @FunctionalInterface
  private interface Step<T> {
    T run() throws IOException;
  }

  /** What is done with a result that came too late. */
  @FunctionalInterface
  private interface Disposal<T> {
    void dispose(T late);
  }

  /** The number that this node has for ever. */
  NumberClaim.Claimed claim(BooleanSupplier unwanted) throws IOException {
    return await(this::claimed, unwanted, _ -> {});
  }

  private NumberClaim.Claimed claimed() throws IOException {
    Loop loop =
        Loop.start(
            "mirror-claim", (_, e) -> LOG.error("finding the node's number: a callback failed", e));
    try (loop) {
      CompletableFuture<ZooKeeperStore> connecting = ZooKeeperStore.connect(session(), loop);
      try (Store store = connecting.get()) {
        return new NumberClaim(store, config.node(), config.number()).run();
      } catch (ExecutionException e) {
        String advice = e.getCause() instanceof StoreException why ? advice(why.kind()) : "";
        throw new IOException(e.getCause().getMessage() + advice, e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw (IOException) new InterruptedIOException("interrupted").initCause(e);
      }
    }
  }

  private static String advice(StoreException.Kind kind) {
    return switch (kind) {
      case UNREACHABLE -> "; check the address, and that ZooKeeper runs there";
      case NO_QUORUM -> "; a majority of its servers has to run";
      case USER_REFUSED -> "; check --zookeeper-user";
      case FOREIGN_ROOT -> "; choose another name for --cluster, or remove what is there";
      case OTHER_FORMAT -> "; run the same release on all nodes";
      case TLS_REFUSED -> "; check --zookeeper-tls-ca and --zookeeper-tls-key";
      case FILE_UNUSABLE, OUTCOME_UNKNOWN, SESSION_LOST, OTHER -> "";
    };
  }

  private ZooKeeperOptions session() {
    return servers.withSessionTimeout(config.heartbeat().sessionTimeout());
  }

  /** A new incarnation, member of the cluster. */
  ClusterNode join(int number, Life life, IntFunction<String> names, BooleanSupplier unwanted)
      throws IOException {
    FenceAgent fence =
        config
            .fence()
            .<FenceAgent>map(
                command -> new FenceCommand(command, FenceCommand.LIMIT, names, env.io()))
            .orElseGet(FenceAgent::none);
    return await(
        () ->
            ClusterNode.join(
                new ClusterNode.Self(config.cluster(), config.node(), late),
                config.settings(number),
                loop ->
                    timeout ->
                        ZooKeeperStore.connect(servers.withSessionTimeout(timeout), loop)
                            .thenApply(store -> store),
                fence,
                config.paths(),
                env,
                life),
        unwanted,
        ClusterNode::close);
  }

  private <T> T await(Step<T> step, BooleanSupplier unwanted, Disposal<T> disposal)
      throws IOException {
    Executor io = env.io();
    CompletableFuture<T> result = CompletableFuture.supplyAsync(() -> unchecked(step), io);
    while (true) {
      var look =
          new CompletableFuture<Void>().completeOnTimeout(null, LOOK_MILLIS, TimeUnit.MILLISECONDS);
      CompletableFuture.anyOf(result.handle((_, _) -> null), look).join();
      if (result.isDone()) {
        return joined(result);
      }
      if (unwanted.getAsBoolean()) {
        var _ = result.thenAcceptAsync(disposal::dispose, io);
        throw new InterruptedIOException(
            "node %s was told to stop before it was in cluster %s"
                .formatted(config.node(), config.cluster()));
      }
    }
  }

  private static <T> T unchecked(Step<T> step) {
    try {
      return step.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static <T> T joined(CompletableFuture<T> result) throws IOException {
    try {
      return result.join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof UncheckedIOException unchecked) {
        throw unchecked.getCause();
      }
      throw e;
    }
  }
}
