package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.common.ClientX509Util;
import org.apache.zookeeper.common.X509Exception;
import org.apache.zookeeper.data.ACL;

/** How a session begins: what may block runs on a thread of its own. */
final class Connecting {
  private static final byte[] NOBODY = {};

  private final ZooKeeperOptions options;
  private final Loop loop;
  private final CompletableFuture<ZooKeeperStore> result = new CompletableFuture<>();

  private Connecting(ZooKeeperOptions options, Loop loop) {
    this.options = options;
    this.loop = loop;
  }

  static CompletableFuture<ZooKeeperStore> start(ZooKeeperOptions options, Loop loop) {
    var connecting = new Connecting(options, loop);
    Thread.ofPlatform().name("zookeeper-connect").daemon(true).start(connecting::run);
    return connecting.result;
  }

  private void run() {
    try {
      byte[] user = user();
      ZKClientConfig config = config();
      open(new Connection(options, config, user), config, user);
    } catch (StoreException e) {
      fail(e);
    } catch (InterruptedException e) {
      fail(new StoreException("connecting to %s was interrupted".formatted(servers()), e));
    } catch (RuntimeException | Error e) {
      fail(new StoreException("connecting to %s failed: %s".formatted(servers(), e), e));
    }
  }

  private void fail(StoreException e) {
    loop.execute(() -> result.completeExceptionally(e));
  }

  private void open(Connection connection, ZKClientConfig config, byte[] user)
      throws StoreException, InterruptedException {
    boolean opened = false;
    try {
      var diagnosis = new Diagnosis(options, config);
      switch (connection.start(options.connectTimeout())) {
        case SyncConnected -> {}
        case AuthFailed, Closed -> throw refused();
        default -> throw diagnosis.ofSilence();
      }
      var root = new Root(options.root());
      List<ACL> owner = user.length > 0 ? ZooDefs.Ids.CREATOR_ALL_ACL : ZooDefs.Ids.OPEN_ACL_UNSAFE;
      claim(connection, root, owner, diagnosis);
      var store = new ZooKeeperStore(connection, connection.session(), root, owner, loop);
      var _ = store.open().whenComplete(this::complete);
      opened = true;
    } finally {
      if (!opened) {
        connection.close();
      }
    }
  }

  /** On the loop. */
  private void complete(ZooKeeperStore store, Throwable cause) {
    if (cause != null) {
      result.completeExceptionally(cause);
    } else if (!result.complete(store)) {
      store.close();
    }
  }

  private void claim(Connection connection, Root root, List<ACL> owner, Diagnosis diagnosis)
      throws StoreException, InterruptedException {
    try {
      root.claim(connection.curator(), owner);
    } catch (StoreException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (KeeperException.NoAuthException e) {
      throw new StoreException(
          Kind.USER_REFUSED,
          "ZooKeeper %s refuses znode %s to %s".formatted(servers(), e.getPath(), userOrNobody()),
          e);
    } catch (KeeperException.ConnectionLossException e) {
      throw diagnosis.ofSilence();
    } catch (KeeperException.AuthFailedException
        | KeeperException.SessionClosedRequireAuthException e) {
      throw refused();
    } catch (Exception e) {
      throw new StoreException(
          "ZooKeeper %s: znode %s cannot be used: %s"
              .formatted(servers(), root.path(), e.getMessage()),
          e);
    }
  }

  private StoreException refused() {
    return new StoreException(
        Kind.USER_REFUSED,
        "ZooKeeper %s refuses the session to %s".formatted(servers(), userOrNobody()));
  }

  private String userOrNobody() {
    return options
        .user()
        .map(file -> "the user in %s: another owner, or another password".formatted(file))
        .orElse("a client without a user: it wants one");
  }

  private String servers() {
    return options.connectString();
  }

  private byte[] user() throws StoreException {
    if (options.user().isEmpty()) {
      return NOBODY;
    }
    Path file = options.user().get();
    String line;
    try {
      line = Files.readString(file).strip();
    } catch (IOException e) {
      throw new StoreException(
          Kind.FILE_UNUSABLE, "user file %s cannot be read: %s".formatted(file, e), e);
    }
    int colon = line.indexOf(':');
    if (colon < 1 || colon == line.length() - 1 || line.lines().count() != 1) {
      throw new StoreException(
          Kind.FILE_UNUSABLE, "user file %s: wanted one line, name:password".formatted(file));
    }
    return line.getBytes(StandardCharsets.UTF_8);
  }

  private ZKClientConfig config() throws StoreException {
    var config = new ZKClientConfig();
    config.setProperty(ZKClientConfig.ENABLE_CLIENT_SASL_KEY, "false");
    config.setProperty(ZKClientConfig.DISABLE_AUTO_WATCH_RESET, "false");
    config.setProperty(ZKClientConfig.SECURE_CLIENT, Boolean.toString(options.tls().isPresent()));
    if (options.tls().isPresent()) {
      tls(config, options.tls().get());
    }
    return config;
  }

  private static void tls(ZKClientConfig config, ZooKeeperOptions.Tls tls) throws StoreException {
    config.setProperty(
        ZKClientConfig.ZOOKEEPER_CLIENT_CNXN_SOCKET, "org.apache.zookeeper.ClientCnxnSocketNetty");
    try (var names = new ClientX509Util()) {
      set(config, names.getSslTruststoreLocationProperty(), Optional.of(tls.trustStore()));
      set(config, names.getSslTruststorePasswdPathProperty(), tls.trustStorePassword());
      set(config, names.getSslKeystoreLocationProperty(), tls.keyStore());
      set(config, names.getSslKeystorePasswdPathProperty(), tls.keyStorePassword());
      config.setProperty(names.getSslHostnameVerificationEnabledProperty(), "true");
      names.createSSLContext(config);
    } catch (X509Exception e) {
      throw new StoreException(
          Kind.FILE_UNUSABLE,
          "TLS files cannot be used: %s: %s".formatted(tls, Diagnosis.innermost(e)),
          e);
    }
  }

  private static void set(ZKClientConfig config, String property, Optional<Path> file)
      throws StoreException {
    if (file.isPresent()) {
      if (!Files.isReadable(file.get())) {
        throw new StoreException(
            Kind.FILE_UNUSABLE, "TLS file %s cannot be read".formatted(file.get()));
      }
      config.setProperty(property, file.get().toString());
    }
  }
}
