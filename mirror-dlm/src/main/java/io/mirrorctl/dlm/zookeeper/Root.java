package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.store.StoreException.Kind;
import io.mirrorctl.dlm.store.StorePath;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.curator.framework.CuratorFramework;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** The znode below which a store keeps its entries; its data say that it is ours. */
record Root(String path) {
  private static final String MAGIC = "mirrorctl store";
  private static final String MARK = MAGIC + " 1\n";
  private static final int SHOWN = 40;

  String znode(String entry) {
    return entry.equals(StorePath.ROOT) ? path : path + entry;
  }

  /** The entry's path, or {@link StorePath#ROOT} for the root itself. */
  String entry(String znode) {
    return znode.length() == path.length() ? StorePath.ROOT : znode.substring(path.length());
  }

  /**
   * Makes sure that the root is there and ours.
   *
   * @throws StoreException if it belongs to somebody else
   */
  void claim(CuratorFramework curator, List<ACL> owner) throws Exception {
    byte[] mark = MARK.getBytes(StandardCharsets.UTF_8);
    while (true) {
      curator.sync().forPath(path);
      var stat = new Stat();
      try {
        byte[] data = curator.getData().storingStatIn(stat).forPath(path);
        if (isUnused(data, stat)) {
          curator.setData().withVersion(stat.getVersion()).forPath(path, mark);
        } else {
          recognize(new String(data, StandardCharsets.UTF_8));
        }
        return;
      } catch (KeeperException.NoNodeException _) {
        make(curator, owner, mark);
      } catch (KeeperException.BadVersionException | KeeperException.NodeExistsException _) {
        // another node was faster
      }
    }
  }

  private static boolean isUnused(byte[] data, Stat stat) {
    return (data == null || data.length == 0) && stat.getNumChildren() == 0;
  }

  private void make(CuratorFramework curator, List<ACL> owner, byte[] mark) throws Exception {
    for (int slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
      try {
        create(curator, path.substring(0, slash), owner, new byte[0]);
      } catch (KeeperException.NodeExistsException _) {
        // as it should
      }
    }
    try {
      create(curator, path, owner, mark);
    } catch (KeeperException.NodeExistsException _) {
      // by another node, or by ourselves before a lost answer
    }
  }

  private static void create(CuratorFramework curator, String znode, List<ACL> owner, byte[] data)
      throws Exception {
    curator.create().withMode(CreateMode.PERSISTENT).withACL(owner).forPath(znode, data);
  }

  private void recognize(String data) throws StoreException {
    if (!data.startsWith(MAGIC + " ")) {
      String start = data.substring(0, Math.min(SHOWN, data.length()));
      throw new StoreException(
          Kind.FOREIGN_ROOT,
          "znode %s exists and is not ours: it holds \"%s\" and not \"%s\"; choose another root"
              .formatted(path, start.strip(), MARK.strip()));
    }
    if (!data.equals(MARK)) {
      throw new StoreException(
          Kind.OTHER_FORMAT,
          "znode %s is a \"%s\", this program knows \"%s\" only"
              .formatted(path, data.strip(), MARK.strip()));
    }
  }
}
