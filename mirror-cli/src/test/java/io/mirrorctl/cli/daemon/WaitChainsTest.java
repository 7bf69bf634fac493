package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableList;
import io.mirrorctl.cli.cluster.ClusterLook;
import io.mirrorctl.core.array.ArrayWait;
import io.mirrorctl.dlm.member.HoldCause;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Node n1 has slot 0 of array m, n2 slot 1, n3 slot 2. */
class WaitChainsTest {
  private static final Map<Integer, String> NODES = Map.of(0, "n1", 1, "n2", 2, "n3");
  private static final ClusterLook.LeaseLook LEASE = new ClusterLook.LeaseLook(6000, 600, false);
  private static final ClusterLook.Peer N2 = alive("n2", 2);
  private static final ClusterLook.Peer N3 = alive("n3", 3);

  private static ClusterLook.Peer alive(String name, int number) {
    return new ClusterLook.Peer(name, number, 10 + number, 900, false, Optional.empty());
  }

  private static ClusterLook.Peer silent(ClusterLook.Peer peer, long millis) {
    return new ClusterLook.Peer(
        peer.name(), peer.number(), peer.incarnation(), millis, true, Optional.empty());
  }

  private static ClusterLook.Peer dying(ClusterLook.Peer peer, String why) {
    return new ClusterLook.Peer(
        peer.name(), peer.number(), peer.incarnation(), 20_000, true, Optional.of(why));
  }

  private static ClusterLook cluster(
      Optional<ClusterLook.Hold> hold, ClusterLook.LeaseLook lease, ClusterLook.Peer... peers) {
    return new ClusterLook(
        "c",
        "zk:2181",
        Optional.empty(),
        hold,
        Optional.of(lease),
        List.of(peers),
        Optional.empty());
  }

  private static ArrayLocks.Entry granted(String resource, int slot, String mode) {
    return new ArrayLocks.Entry(
        resource,
        slot,
        Optional.of("n" + (slot + 1)),
        "granted",
        Optional.of(mode),
        Optional.empty(),
        OptionalInt.empty(),
        true,
        OptionalLong.empty(),
        OptionalLong.of(1),
        List.of());
  }

  private static ArrayLocks.Entry waits(String resource, int slot, long millis, String... behind) {
    return new ArrayLocks.Entry(
        resource,
        slot,
        Optional.of("n" + (slot + 1)),
        "converting",
        Optional.of("NL"),
        Optional.of("EX"),
        OptionalInt.of(1),
        true,
        OptionalLong.of(millis),
        OptionalLong.of(millis),
        List.of(behind));
  }

  private static WaitSources.Shared shared(ArrayLocks.Entry... locks) {
    return new WaitSources.Shared(
        0, NODES, Optional.of(new ArrayLocks("m", "md-x", 3, List.of(locks))), List.of());
  }

  private static WaitSources.OfArray array(
      long clients, List<ArrayWait> inside, Optional<WaitSources.Shared> shared) {
    return new WaitSources.OfArray(
        "m",
        clients == 0 ? Optional.empty() : Optional.of(new UnderWay.Oldest(3, clients)),
        inside,
        List.of(),
        Optional.empty(),
        false,
        List.of(),
        shared);
  }

  private static WaitSources sources(
      Optional<ClusterLook> cluster, WaitSources.OfArray array, WaitSources.Command... commands) {
    return new WaitSources(
        "n1", cluster, Optional.empty(), List.of(array), List.of(), List.of(commands));
  }

  /** Each waiter in a line, reasons indented below. */
  private static List<String> told(WaitSources seen) {
    List<String> lines = new ArrayList<>();
    WaitChains.of(seen).forEach(waiter -> tell(waiter, "", lines));
    return lines;
  }

  private static void tell(Waiter waiter, String indent, List<String> lines) {
    lines.add(
        "%s%s < %s%s %s%s"
            .formatted(
                indent,
                waiter.who(),
                waiter.what(),
                waiter.by().map(by -> " [" + by + "]").orElse(""),
                waiter.atLeast() ? ">=" : "",
                waiter.millis().isPresent() ? waiter.millis().getAsLong() : "?"));
    waiter.because().forEach(reason -> tell(reason, indent + "  ", lines));
  }

  @Test
  void whatLastsLessThanASecondIsNoWait() {
    assertThat(
            told(
                sources(
                    Optional.of(cluster(Optional.empty(), LEASE, N2)),
                    array(
                        900,
                        List.of(new ArrayWait.PagesUnderWay(3, 800)),
                        Optional.of(shared(waits("token", 1, 900, "n1")))),
                    new WaitSources.Command("fail m /b", Optional.of("m"), 900))))
        .isEmpty();
  }

  @Test
  void aRequestWaitsForAChangeWhoseNodeWaitsForOneThatIsSilent() {
    List<String> told =
        told(
            sources(
                Optional.of(cluster(Optional.empty(), LEASE, N2, silent(N3, 12_500))),
                array(
                    11_000,
                    List.of(new ArrayWait.Held(3, 0, 12_000)),
                    Optional.of(
                        shared(
                            granted("token", 1, "EX"),
                            waits("ack0002", 1, 11_900, "n3"),
                            waits("ack0000", 0, 11_950, "n2"))))));

    assertThat(told)
        .containsExactly(
            "the first of 3 requests of clients < an answer >=11000",
            "  the first of 3 requests < the end of a change of the members [n2] 12000",
            "    n2 < the answer of n3 to a message [n3] 11900",
            "      the cluster < a sign of life of n3 [n3] 12500");
  }

  @Test
  void aCommandWaitsForTheTokenAndALaterOneForIt() {
    List<String> told =
        told(
            sources(
                Optional.of(cluster(Optional.empty(), LEASE, N2)),
                array(
                    0,
                    List.of(),
                    Optional.of(shared(granted("token", 1, "EX"), waits("token", 0, 4000, "n2")))),
                new WaitSources.Command("fail m /b", Optional.of("m"), 4100),
                new WaitSources.Command("remove m /b", Optional.of("m"), 2000)));

    assertThat(told)
        .containsExactly(
            "the command fail m /b < n1 to carry it out 4100",
            "  n1 < its turn to change the array or to tell the others something [n2] 4000",
            "the command remove m /b < n1 to carry it out 2000",
            "  this one < the command before it: fail m /b 2000");
  }

  @Test
  void nodesThatWaitForEachOtherDoNotMakeAnEndlessChain() {
    List<String> told =
        told(
            sources(
                Optional.of(cluster(Optional.empty(), LEASE, N2)),
                array(
                    0,
                    List.of(),
                    Optional.of(
                        shared(
                            waits("range0001", 0, 5000, "n2"),
                            waits("range0002", 1, 5000, "n1"))))));

    assertThat(told)
        .containsExactly(
            "n1 < range 1 of the array, to read or write there [n2] 5000",
            "  n2 < range 2 of the array, to read or write there [n1] 5000");
  }

  @Test
  void aLeaseThatIsOverIsTheReasonOfAllRequestsAndSaysWhereZooKeeperIs() {
    ClusterLook cluster =
        cluster(
            Optional.of(new ClusterLook.Hold(HoldCause.LEASE, 2500)),
            new ClusterLook.LeaseLook(0, 9000, true),
            N2);
    List<String> told =
        told(
            sources(
                Optional.of(cluster),
                array(
                    2000,
                    List.of(),
                    Optional.of(new WaitSources.Shared(0, NODES, Optional.empty(), List.of())))));

    assertThat(told)
        .containsExactly(
            "the first of 3 requests of clients < an answer >=2000",
            "  the I/O of n1 < ZooKeeper at zk:2181 to renew its lease 2500");
    assertThat(told(sources(Optional.of(cluster), array(0, List.of(), Optional.empty()))))
        .containsExactly("the I/O of n1 < ZooKeeper at zk:2181 to renew its lease 2500");
  }

  @Test
  void aFenceCommandThatFailsIsNamedWithWhatItSaid() {
    List<Waiter> told =
        WaitChains.of(
            sources(
                Optional.of(
                    cluster(
                        Optional.empty(),
                        LEASE,
                        dying(N2, "its session is over, the fence agent says not yet: no power"))),
                array(0, List.of(), Optional.empty())));

    assertThat(told).hasSize(1);
    assertThat(told.getFirst().what())
        .contains("surely dead", "the fence agent says not yet: no power");
    assertThat(told.getFirst().by()).contains("n2");
    assertThat(told.getFirst().advice().orElseThrow()).contains("mirrorctl eject n2 --fenced");
  }

  @Test
  void aSlotThatIsNotTakenOverSaysWhyNot() {
    WaitSources.Shared shared =
        new WaitSources.Shared(
            0,
            NODES,
            Optional.of(new ArrayLocks("m", "md-x", 4, List.of(waits("token", 0, 3000, "n3")))),
            List.of(new WaitSources.Left(1, "n2", 5000, Optional.of("disk x is away"))));

    assertThat(
            told(
                sources(
                    Optional.of(cluster(Optional.empty(), LEASE, N3)),
                    array(0, List.of(), Optional.of(shared)))))
        .containsExactly(
            "slot 1 of n2 < a node to take over what is in it >=5000",
            "  n1 < another attempt to take it over: disk x is away >=5000",
            "  n1 < its turn to change the array or to tell the others something [n3] 3000");
  }

  @Test
  void aDiskThatDoesNotAnswerIsNamedOnceBelowWhatItHoldsUp() {
    WaitSources.OfArray array =
        new WaitSources.OfArray(
            "m",
            Optional.of(new UnderWay.Oldest(2, 7000)),
            List.of(new ArrayWait.PagesUnderWay(2, 7500)),
            List.of(
                new WaitSources.Disk("/a", new UnderWay.Oldest(1, 0)),
                new WaitSources.Disk("/b", new UnderWay.Oldest(4, 7400))),
            Optional.empty(),
            false,
            List.of(),
            Optional.empty());

    List<Waiter> told = WaitChains.of(sources(Optional.empty(), array));

    assertThat(told(sources(Optional.empty(), array)))
        .containsExactly(
            "the first of 2 requests of clients < an answer >=7000",
            "  the first of 2 writes < pages of the bitmap to be on all its disks 7500",
            "    the first of 4 requests < disk /b to answer [/b] >=7400");
    assertThat(told.getFirst().because().getFirst().because().getFirst().advice().orElseThrow())
        .contains("mirrorctl fail m /b");
    assertThat(told.getFirst().array()).contains("m");
  }

  @Test
  void writesThatWaitForACopyNameTheNodeThatCopies() {
    assertThat(
            told(
                sources(
                    Optional.of(cluster(Optional.empty(), LEASE, N2)),
                    array(
                        2000,
                        List.of(new ArrayWait.Suspended(1, 2, 2100)),
                        Optional.of(shared(granted("bitmap0001", 1, "PW")))))))
        .containsExactly(
            "the first of 3 requests of clients < an answer >=2000",
            "  the first of 2 writes < n2 to have copied where they go [n2] 2100");
  }

  @Test
  void aLossThatIsNotRecordedIsToldAlsoWhenNoRequestWaits() {
    assertThat(
            told(
                sources(
                    Optional.of(cluster(Optional.empty(), LEASE, N2)),
                    array(
                        0,
                        List.of(new ArrayWait.Unrecorded(ImmutableList.of("/b"), 3000)),
                        Optional.of(shared(waits("token", 0, 2900, "n2")))))))
        .containsExactly(
            "what is written now < the other disks to tell that /b failed 3000",
            "  n1 < its turn to change the array or to tell the others something [n2] 2900");
  }

  @Test
  void anArrayOutOfUseAndAPausedCopyAreWaitsToo() {
    ClusterLook out =
        new ClusterLook(
            "c",
            "zk:2181",
            Optional.of(new ClusterLook.Out("its session was lost", 8000, true)),
            Optional.empty(),
            Optional.empty(),
            List.of(),
            Optional.empty());
    WaitSources seen =
        new WaitSources(
            "n1",
            Optional.of(out),
            Optional.empty(),
            List.of(
                new WaitSources.OfArray(
                    "own",
                    Optional.empty(),
                    List.of(),
                    List.of(),
                    Optional.empty(),
                    true,
                    List.of(),
                    Optional.empty())),
            List.of(
                new WaitSources.Away(
                    "m",
                    "its session was lost",
                    WaitSources.Away.Cause.HALTED,
                    OptionalLong.of(8100)),
                new WaitSources.Away(
                    "later",
                    "disk x is not there",
                    WaitSources.Away.Cause.NEVER_IN_USE,
                    OptionalLong.empty())),
            List.of());

    assertThat(told(seen))
        .containsExactly(
            "the copying between members < somebody who lets it go on ?",
            "clients of m < it to be in use here: its session was lost 8100",
            "  n1 < its return into cluster c: its session was lost 8000",
            "clients of later < it to be in use here: disk x is not there ?");
    assertThat(WaitChains.of(seen).getFirst().advice().orElseThrow())
        .contains("mirrorctl sync own --resume");
  }

  @Test
  void aNodeWhoseOwnPartsAreSilentSaysSo() {
    WaitSources seen =
        new WaitSources(
            "n1",
            Optional.empty(),
            Optional.of("the members: no answer within 5 s"),
            List.of(array(3000, List.of(), Optional.of(shared()))),
            List.of(),
            List.of());

    assertThat(told(seen))
        .containsExactly(
            "the first of 3 requests of clients < an answer >=3000",
            "  n1 < its own part in the cluster to answer: the members: no answer within 5 s ?");
  }

  @Test
  void aCheckThatIsGoingOnIsNoWaitButOneThatHasNotItsTurnIs() {
    WaitSources.Command check = new WaitSources.Command("check m", Optional.of("m"), 9000);

    assertThat(told(sources(Optional.empty(), working("check"), check))).isEmpty();
    assertThat(told(sources(Optional.empty(), working("recovery"), check)))
        .containsExactly("the command check m < n1 to carry it out 9000");
  }

  private static WaitSources.OfArray working(String action) {
    return new WaitSources.OfArray(
        "m",
        Optional.empty(),
        List.of(),
        List.of(),
        Optional.of(action),
        false,
        List.of(),
        Optional.empty());
  }

  @Test
  void aDiskThatIsToBeFoundHereSaysHowToConfirmIt() {
    WaitSources.OfArray searching =
        new WaitSources.OfArray(
            "m",
            Optional.empty(),
            List.of(),
            List.of(),
            Optional.empty(),
            false,
            List.of(new WaitSources.Searched("/dev/x", "1:2:3:4", 6000)),
            Optional.empty());

    Waiter waiter = WaitChains.of(sources(Optional.empty(), searching)).getFirst();

    assertThat(waiter.who()).isEqualTo("disk /dev/x, which another node is adding");
    assertThat(waiter.by()).contains("n1");
    assertThat(waiter.advice().orElseThrow())
        .contains("mirrorctl confirm m DISK", "1:2:3:4", "mirrorctl confirm m --missing");
  }
}
