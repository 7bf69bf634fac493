package io.mirrorctl.dlm.zookeeper;

import io.mirrorctl.dlm.store.CommitResult;
import io.mirrorctl.dlm.store.CommitResult.Reason;
import io.mirrorctl.dlm.store.Op;
import java.util.List;
import java.util.Optional;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.data.ACL;

/** Commits in ZooKeeper's words. */
final class Parts {
  private Parts() {}

  static List<org.apache.zookeeper.Op> toZooKeeper(List<Op> ops, Root root, List<ACL> owner) {
    return ops.stream().map(op -> toZooKeeper(op, root.znode(op.path()), owner)).toList();
  }

  private static org.apache.zookeeper.Op toZooKeeper(Op op, String znode, List<ACL> owner) {
    return switch (op) {
      case Op.Check check -> org.apache.zookeeper.Op.check(znode, check.version());
      case Op.Create create ->
          org.apache.zookeeper.Op.create(
              znode,
              create.data().toArray(),
              owner,
              switch (create.life()) {
                case PERSISTENT -> CreateMode.PERSISTENT;
                case EPHEMERAL -> CreateMode.EPHEMERAL;
              });
      case Op.Put put ->
          org.apache.zookeeper.Op.setData(znode, put.data().toArray(), put.version());
      case Op.Delete delete -> org.apache.zookeeper.Op.delete(znode, delete.version());
    };
  }

  /** Empty if what did not stand has no name in the store's terms. */
  static Optional<CommitResult> refusal(List<OpResult> results) {
    for (int i = 0; i < results.size(); i++) {
      if (results.get(i) instanceof OpResult.ErrorResult error && error.getErr() != 0) {
        int index = i;
        return reason(error.getErr()).map(reason -> new CommitResult.Refused(index, reason));
      }
    }
    return Optional.empty();
  }

  private static Optional<Reason> reason(int code) {
    return Optional.ofNullable(
        switch (Code.get(code)) {
          case NONODE -> Reason.NO_ENTRY;
          case NODEEXISTS -> Reason.EXISTS;
          case BADVERSION -> Reason.OTHER_VERSION;
          case NOTEMPTY -> Reason.NOT_EMPTY;
          case NOCHILDRENFOREPHEMERALS -> Reason.PARENT_EPHEMERAL;
          case null, default -> null;
        });
  }
}
