package io.mirrorctl.cli.daemon;

import io.mirrorctl.cli.cluster.ClusterConfig;
import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdTls;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * How a node is to run.
 *
 * @param name of the node
 * @param socket the control socket
 * @param nbd where its arrays are offered; nowhere if empty
 * @param tls of the NBD server
 * @param diskTls certificates for disks at {@code nbds://} URLs
 * @param cluster that the node belongs to, if any
 * @param arrays to be assembled before the node serves
 * @param http where it tells how it is, if anywhere
 * @param scan where the node looks for members, and the arrays it is to have besides
 */
public record NodeConfig(
    String name,
    Path socket,
    List<NbdAddress> nbd,
    NbdTls tls,
    NbdClientTls diskTls,
    Optional<ClusterConfig> cluster,
    List<NodeRequest.Assemble> arrays,
    ScanConfig scan,
    Optional<HttpAddress> http) {

  public NodeConfig {
    nbd = List.copyOf(nbd);
    arrays = List.copyOf(arrays);
  }

  /** Without HTTP. */
  public NodeConfig(
      String name,
      Path socket,
      List<NbdAddress> nbd,
      NbdTls tls,
      NbdClientTls diskTls,
      Optional<ClusterConfig> cluster,
      List<NodeRequest.Assemble> arrays,
      ScanConfig scan) {
    this(name, socket, nbd, tls, diskTls, cluster, arrays, scan, Optional.empty());
  }
}
