package io.mirrorctl.dlm.zookeeper;

import java.io.IOException;
import java.util.List;
import org.apache.zookeeper.AsyncCallback.MultiCallback;
import org.apache.zookeeper.MultiOperationRecord;
import org.apache.zookeeper.MultiResponse;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.client.ZKClientConfig;
import org.apache.zookeeper.proto.ReplyHeader;
import org.apache.zookeeper.proto.RequestHeader;

/**
 * ZooKeeper's own client of one session. Commits are sent here and not through Curator, which would
 * send them on whatever session it has by then; a handle like this one has never more than one.
 */
@SuppressWarnings("try") // closing may be interrupted, as ZooKeeper declares it
final class OneSession extends ZooKeeper {

  /** What became of a transaction. */
  interface Answer {
    /**
     * Called on ZooKeeper's event thread.
     *
     * @param code of {@link org.apache.zookeeper.KeeperException.Code}
     * @param zxid of the transaction, if it was done
     * @param results of its parts, or null if there was no answer
     */
    void of(int code, long zxid, List<OpResult> results);
  }

  OneSession(
      String connectString,
      int sessionTimeout,
      Watcher watcher,
      boolean canBeReadOnly,
      ZKClientConfig config)
      throws IOException {
    super(connectString, sessionTimeout, watcher, canBeReadOnly, config);
  }

  /** As {@code multi}, which does not tell the zxid of a transaction of checks and deletions. */
  void commit(List<Op> parts, Answer answer) {
    var header = new RequestHeader();
    header.setType(ZooDefs.OpCode.multi);
    var reply = new ReplyHeader();
    MultiCallback answered = (code, _, _, results) -> answer.of(code, reply.getZxid(), results);
    cnxn.queuePacket(
        header,
        reply,
        new MultiOperationRecord(parts),
        new MultiResponse(),
        answered,
        null,
        null,
        null,
        null);
  }
}
