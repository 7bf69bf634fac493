package io.mirrorctl.core.format;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.primitives.ImmutableIntArray;
import java.nio.ByteBuffer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each rule alone: a superblock that breaks it can be shown, and the reason names it. */
class SuperblockRulesTest {

  private static Arguments broken(String reason, UnaryOperator<Superblock.Builder> change) {
    return Arguments.of(
        reason, change.apply(Samples.withBadBlockLog(Samples.internal()).toBuilder()).build());
  }

  static Stream<Arguments> broken() {
    return Stream.of(
        broken("feature bits 0x80002000 are unknown", b -> b.featureMap(0x80002001)),
        broken("level 10 is not RAID1", b -> b.level(10)),
        broken("level -4 is not RAID1", b -> b.level(-4)),
        broken("layout 2 is not that of RAID1", b -> b.layout(2)),
        broken("chunksize 12 is not a power of two", b -> b.chunksize(12)),
        broken("a reshape is under way", b -> b.with(Feature.RESHAPE_ACTIVE)),
        broken("a reshape is under way", b -> b.with(Feature.RESHAPE_BACKWARDS)),
        broken("a reshape is under way", b -> b.with(Feature.NEW_OFFSET)),
        broken("write journal", b -> b.with(Feature.JOURNAL)),
        broken("partial parity log", b -> b.with(Feature.PPL)),
        broken("partial parity log", b -> b.with(Feature.MULTIPLE_PPLS)),
        broken("feature RAID0_LAYOUT", b -> b.with(Feature.RAID0_LAYOUT)),
        broken("a clustered array without a bitmap", b -> b.featureMap(0).with(Feature.CLUSTERED)),
        broken("size 0", b -> b.size(0)),
        broken("size 18446744073709551615", b -> b.size(-1)),
        broken("data_size 9 is less than 10", b -> b.size(8).dataSize(9)),
        broken("size 63489 is more than data_size 63488", b -> b.size(63489)),
        broken("data_offset 2048 + data_size 63489 reach past", b -> b.dataSize(63489)),
        broken("data_offset 2049 + data_size 63488 reach past", b -> b.dataOffset(2049)),
        broken("data_offset 65537 +", b -> b.dataOffset(65537)),
        broken("data_offset 18446744073709551615 +", b -> b.dataOffset(-1)),
        broken("+ data_size 18446744073709551615 reach", b -> b.dataSize(-1)),
        broken("+ data_size 9223372036854775807 reach", b -> b.dataSize(Long.MAX_VALUE)),
        broken("data_offset 8 lies inside the superblock", b -> b.featureMap(0).dataOffset(8)),
        broken(
            "data_offset 15 lies inside the superblock",
            b -> b.featureMap(0).dataOffset(15).devRoles(roles(1920))),
        broken("bitmap_offset 0:", b -> b.bitmapOffset(0)),
        broken("bitmap_offset -8:", b -> b.bitmapOffset(-8)),
        broken("bitmap_offset 9:", b -> b.bitmapOffset(9)),
        broken("bitmap_offset 2040:", b -> b.bitmapOffset(2040)),
        broken("bitmap_offset 2147483640:", b -> b.bitmapOffset(Integer.MAX_VALUE & ~7)),
        broken("bad blocks were recorded on a clustered array", b -> b.with(Feature.CLUSTERED)),
        broken("bblog_size 0 is not in 1..8", b -> b.bblogSize(0)),
        broken("bblog_size 9 is not in 1..8", b -> b.bblogSize(9)),
        broken("bblog_offset 7:", b -> b.bblogOffset(7)),
        broken("bblog_offset -8:", b -> b.bblogOffset(-8)),
        broken("bblog_offset 2033:", b -> b.bblogOffset(2033)),
        broken("bblog_offset 2147483647:", b -> b.bblogOffset(Integer.MAX_VALUE)),
        broken("raid_disks 0 is not in 1..1920", b -> b.raidDisks(0)),
        broken("raid_disks 1921 is not in", b -> b.raidDisks(1921)),
        broken("raid_disks 4294967295 is not in", b -> b.raidDisks(-1)),
        broken("dev_roles[1] is 1 of 1 roles", b -> b.raidDisks(1)),
        broken(
            "dev_roles[0] is 65280 of 2 roles", b -> b.devRoles(ImmutableIntArray.of(0xFF00, 1))),
        broken("the device is a write journal", b -> b.devRoles(ImmutableIntArray.of(0, 0xFFFD))),
        broken("events 9223372036854775808", b -> b.events(Long.MIN_VALUE)),
        broken("resync_offset 63489 lies behind size 63488", b -> b.resyncOffset(63489)),
        broken("resync_offset 18446744073709551614 lies behind", b -> b.resyncOffset(-2)),
        broken(
            "recovery_offset 63489 lies behind size 63488",
            b -> b.with(Feature.RECOVERY_OFFSET).recoveryOffset(63489)));
  }

  private static ImmutableIntArray roles(int count) {
    return ImmutableIntArray.copyOf(new int[count]);
  }

  private static SuperblockRead read(Superblock s) {
    return SuperblockCodec.decode(
        SuperblockCodec.encode(s), s.superOffset(), Samples.DEVICE_SECTORS);
  }

  @ParameterizedTest
  @MethodSource("broken")
  void aBrokenRuleIsNamed(String reason, Superblock broken) {
    assertThat(read(broken))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            unsupported -> {
              assertThat(unsupported.superblock()).isEqualTo(broken);
              assertThat(unsupported.reason()).contains(reason);
            });
  }

  static Stream<Superblock> valid() {
    Superblock s = Samples.plain();
    return Stream.of(
        s,
        Samples.internal(),
        Samples.clustered(),
        Samples.withBadBlockLog(s),
        Samples.withBadBlockLog(Samples.internal()),
        Samples.clustered().toBuilder().bblogOffset(16).bblogSize(8).build(),
        s.toBuilder().chunksize(128).build(),
        s.toBuilder().events(0).build(),
        s.toBuilder().size(10).dataSize(10).build(),
        s.toBuilder().raidDisks(1).devRoles(ImmutableIntArray.of(0, 0xFFFF)).build(),
        s.toBuilder().raidDisks(1920).build(),
        Samples.withBadBlockLog(s).toBuilder().bblogOffset(8).build(),
        s.toBuilder().devNumber(2).build(),
        s.toBuilder().devNumber(3).build(),
        s.toBuilder().devNumber(77).build(),
        s.toBuilder().devRoles(ImmutableIntArray.of()).build(),
        s.toBuilder().with(Feature.RECOVERY_OFFSET).recoveryOffset(63488).build(),
        s.toBuilder().with(Feature.RECOVERY_OFFSET).recoveryOffset(-1).build(),
        s.toBuilder()
            .with(Feature.REPLACEMENT)
            .with(Feature.RECOVERY_OFFSET)
            .with(Feature.RECOVERY_BITMAP)
            .devRoles(ImmutableIntArray.of(0, 0, 1))
            .build(),
        s.toBuilder().recoveryOffset(-2).build(),
        s.toBuilder().resyncOffset(0).build(),
        s.toBuilder().resyncOffset(63488).build(),
        s.toBuilder().dataOffset(16).devRoles(roles(1920)).build(),
        s.toBuilder().newLevel(5).newOffset(3).deltaDisks(7).build(),
        Samples.internal().toBuilder().bitmapOffset(2032).build(),
        Samples.withBadBlockLog(s).toBuilder().bblogOffset(2032).build());
  }

  @ParameterizedTest
  @MethodSource("valid")
  void whatLinuxMayWriteIsValid(Superblock s) {
    assertThat(read(s)).isEqualTo(new SuperblockRead.Valid(s));
  }

  @Test
  void everythingThatStandsAgainstASuperblockIsSaidAtOnce() {
    Superblock s = Samples.plain().toBuilder().level(5).raidDisks(0).build();
    assertThat(read(s))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            unsupported ->
                assertThat(unsupported.reason())
                    .contains("level 5 is not RAID1")
                    .contains("; raid_disks 0 is not"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0x0C, 0x0F, 0xE0, 0xE7, 0xFF})
  void paddingThatIsInUseIsNotOverwrittenByAssembling(int at) {
    ByteBuffer block = SuperblockCodec.encode(Samples.plain()).put(at, (byte) 1);
    block.putInt(
        SuperblockCodec.AT_SB_CSUM,
        (int) SuperblockCodec.checksum(block, Samples.plain().devRoles().length()));
    assertThat(SuperblockCodec.decode(block, 8, Samples.DEVICE_SECTORS))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            unsupported ->
                assertThat(unsupported.reason()).startsWith(at < 0x10 ? "pad0" : "pad3"));
  }

  @Test
  void otherMinorVersionsAreNamed() {
    Superblock s = Samples.plain();
    assertThat(read(s.toBuilder().superOffset(0).build()))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            u -> assertThat(u.reason()).contains("metadata version 1.1;"));
    assertThat(read(s.toBuilder().superOffset(65520).dataOffset(0).build()))
        .isInstanceOfSatisfying(
            SuperblockRead.Unsupported.class,
            u -> assertThat(u.reason()).contains("metadata version 1.0;"));
  }
}
