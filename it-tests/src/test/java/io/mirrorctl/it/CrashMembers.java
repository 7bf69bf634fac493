package io.mirrorctl.it;

import io.mirrorctl.cli.nbd.NbdAddress;
import io.mirrorctl.cli.nbd.NbdExports;
import io.mirrorctl.cli.nbd.NbdServer;
import io.mirrorctl.cli.nbd.NbdServerConfig;
import io.mirrorctl.core.block.BlockDevice;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.SimDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** The members of an array whose node will be killed, as the node and as the test reach them. */
interface CrashMembers extends AutoCloseable {

  /** As the node names them. */
  List<?> disks();

  /** What happens to the members at the moment at which the node has died. */
  void cut(RandomGenerator random) throws IOException, InterruptedException;

  /** Looks at the members past the node. */
  void look(ArrayOnDisks.Action action) throws IOException;

  @Override
  void close() throws IOException;

  /** Files: the kernel keeps what the dead node has written. */
  static CrashMembers files(List<Path> files) {
    return new CrashMembers() {
      @Override
      public List<?> disks() {
        return files;
      }

      @Override
      public void cut(RandomGenerator random) {}

      @Override
      public void look(ArrayOnDisks.Action action) throws IOException {
        ArrayOnDisks.onFiles(files, new DeviceAccess.ReadOnly(), action);
      }

      @Override
      public void close() {}
    };
  }

  /**
   * Disks of another machine, behind NBD, that lose power together with the node: of what was not
   * flushed each sector is kept or lost.
   *
   * @param shown how the node sees each disk
   */
  static CrashMembers losingPower(
      Path socket, List<SimDisk> disks, UnaryOperator<BlockDevice> shown) throws IOException {
    return new PowerLoss(socket, disks, shown);
  }

  /** See {@link #losingPower}. */
  final class PowerLoss implements CrashMembers {
    private final Path socket;
    private final List<SimDisk> disks;
    private final UnaryOperator<BlockDevice> shown;
    private final NbdExports exports = new NbdExports();
    private final NbdServer server;

    private PowerLoss(Path socket, List<SimDisk> disks, UnaryOperator<BlockDevice> shown)
        throws IOException {
      this.socket = socket;
      this.disks = new ArrayList<>(disks);
      this.shown = shown;
      IntStream.range(0, disks.size()).forEach(this::export);
      server = NbdServer.start(NbdServerConfig.on(new NbdAddress.Unix(socket)), exports);
    }

    private void export(int number) {
      exports.add("m" + number, shown.apply(disks.get(number)), "");
    }

    @Override
    public List<?> disks() {
      return IntStream.range(0, disks.size())
          .mapToObj(number -> "nbd+unix:///m%d?socket=%s".formatted(number, socket))
          .toList();
    }

    @Override
    public void cut(RandomGenerator random) throws InterruptedException {
      for (int number = 0; number < disks.size(); number++) {
        disks.get(number).powerCut(random);
        exports.remove("m" + number, Duration.ZERO);
        disks.set(number, disks.get(number).reopen());
        export(number);
      }
    }

    @Override
    public void look(ArrayOnDisks.Action action) throws IOException {
      action.run(List.copyOf(disks));
    }

    @Override
    public void close() throws IOException {
      server.close();
    }
  }
}
