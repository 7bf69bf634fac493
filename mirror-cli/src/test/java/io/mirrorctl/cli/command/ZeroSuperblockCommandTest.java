package io.mirrorctl.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ZeroSuperblockCommandTest {
  @TempDir Path directory;
  private Path first;
  private Path second;

  @BeforeEach
  void makeAnArray() throws IOException {
    first = Images.sparse(directory.resolve("a"), 8 << 20);
    second = Images.sparse(directory.resolve("b"), 8 << 20);
    Cli.run("create", "vol0", first, second);
  }

  @Test
  void theSuperblockGoesAndNothingElse() throws IOException {
    Images.fill(first, 0, 4096, 'x');
    byte[] behind = Images.read(first, 8192, 1 << 20);

    var run = Cli.run("zero-superblock", first, second);

    assertThat(run.code()).isZero();
    assertThat(run.out())
        .isEqualTo(
            first
                + ": superblock overwritten (sector 8)\n"
                + second
                + ": superblock overwritten (sector 8)\n");
    assertThat(Images.read(first, 4096, 4096)).isEqualTo(new byte[4096]);
    assertThat(Images.read(first, 0, 4096)).containsOnly('x');
    assertThat(Images.read(first, 8192, 1 << 20)).isEqualTo(behind);
    assertThat(Cli.run("examine", first).err()).contains("no md superblock");
  }

  @Test
  void aDamagedSuperblockGoesToo() throws IOException {
    Images.damageSuperblock(first, 0xC8, 99);

    assertThat(
            Cli.run("zero-superblock", "--json", first).json().get("erasedSectors").get(0).asInt())
        .isEqualTo(8);
    assertThat(Images.read(first, 4096, 4096)).isEqualTo(new byte[4096]);
  }

  @Test
  void aDiskInUseIsLeftAlone() throws IOException {
    try (var _ = FileDevice.open(second, new DeviceAccess.SharedBy("lab"))) {
      var run = Cli.run("zero-superblock", first, second);

      assertThat(run.code()).isEqualTo(4);
      assertThat(run.err()).contains(second + " is in use by");
    }
    assertThat(Cli.run("examine", first, second).code()).isZero();
  }

  @Test
  void ifOneDiskHasNoneNoneIsChanged() throws IOException {
    Path empty = Images.sparse(directory.resolve("c"), 8 << 20);

    var run = Cli.run("zero-superblock", first, empty);

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err())
        .isEqualTo("mirrorctl: " + empty + ": no md superblock; nothing was changed on any disk\n");
    assertThat(Cli.run("examine", first).code()).isZero();
  }

  @Test
  void forceOverwritesThePlaceWhateverIsThere() throws IOException {
    Path other = Images.sparse(directory.resolve("c"), 1 << 20);
    Images.fill(other, 0, 16384, 'x');

    assertThat(Cli.run("zero-superblock", "--force", other).code()).isZero();

    assertThat(Images.read(other, 4096, 4096)).isEqualTo(new byte[4096]);
    assertThat(Images.read(other, 8192, 4096)).containsOnly('x');
    assertThat(Images.read(other, 0, 4096)).containsOnly('x');
  }
}
