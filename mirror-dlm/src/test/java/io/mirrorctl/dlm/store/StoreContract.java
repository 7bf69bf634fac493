package io.mirrorctl.dlm.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.CommitResult.Committed;
import io.mirrorctl.dlm.store.CommitResult.Reason;
import io.mirrorctl.dlm.store.CommitResult.Refused;
import io.mirrorctl.dlm.store.Op.Check;
import io.mirrorctl.dlm.store.Op.Create;
import io.mirrorctl.dlm.store.Op.Delete;
import io.mirrorctl.dlm.store.Op.Life;
import io.mirrorctl.dlm.store.Op.Put;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Every sentence of {@link Store}, for whatever claims to be one. */
public abstract class StoreContract {
  private static final Bytes ONE = Bytes.utf8("one");
  private static final Bytes TWO = Bytes.utf8("two");

  /** A session under test, and what may happen to it. */
  public interface Peer {
    Store store();

    /** The loop the store was made with. */
    Loop loop();

    /** Cuts the session off from the servers. */
    void cut();

    /** Ends {@link #cut}. */
    void restore();

    /** The connection breaks at the next commit, after or before the servers got it. */
    void loseNextAnswer(boolean done);

    /** The servers end the session. */
    void expire();
  }

  /** Another session with the same servers, empty at the start of each test. */
  protected abstract Peer peer();

  /** Whether the condition comes to hold before any patience ends. */
  protected abstract boolean until(BooleanSupplier condition);

  protected final <T> T answer(CompletableFuture<T> future) {
    assertThat(until(future::isDone)).as("answered").isTrue();
    return future.join();
  }

  private <T> Throwable failure(CompletableFuture<T> future) {
    assertThat(until(future::isDone)).as("answered").isTrue();
    return future.handle((_, e) -> e).join();
  }

  private Committed done(Peer peer, Op... ops) {
    CommitResult result = answer(peer.store().commit(List.of(ops)));
    assertThat(result).isInstanceOf(Committed.class);
    return (Committed) result;
  }

  private Refused refused(Peer peer, Op... ops) {
    CommitResult result = answer(peer.store().commit(List.of(ops)));
    assertThat(result).isInstanceOf(Refused.class);
    return (Refused) result;
  }

  private Entry entry(Peer peer, String path) {
    return answer(peer.store().read(path)).orElseThrow();
  }

  private static Create create(String path) {
    return new Create(path, ONE, Life.PERSISTENT);
  }

  private static Create ephemeral(String path) {
    return new Create(path, ONE, Life.EPHEMERAL);
  }

  private List<Change> watch(Peer peer, String path, WatchDepth depth) {
    catchUp(peer);
    var changes = new CopyOnWriteArrayList<Change>();
    answer(peer.store().watch(path, depth, changes::add));
    return changes;
  }

  private static List<SessionEvent> events(Peer peer) {
    var events = new CopyOnWriteArrayList<SessionEvent>();
    peer.store().onSession(events::add);
    return events;
  }

  /** Afterwards all that was committed before has been told to the peer. */
  private void catchUp(Peer peer) {
    refused(peer, new Check("/nowhere", 0));
  }

  @Test
  void whatIsNotThereReadsAsEmptyAndHasNoChildren() {
    Peer a = peer();
    assertThat(answer(a.store().read("/a/b"))).isEmpty();
    assertThat(answer(a.store().children("/a/b"))).isEmpty();
    assertThat(answer(a.store().children("/"))).isEmpty();
  }

  @Test
  void anEntryBeginsAtVersionZeroAndRisesByOne() {
    Peer a = peer();
    done(a, create("/a"));
    assertThat(entry(a, "/a")).isEqualTo(new Entry(ONE, 0, 0));
    done(a, new Put("/a", TWO, 0));
    done(a, new Put("/a", TWO, 1));
    assertThat(entry(a, "/a")).isEqualTo(new Entry(TWO, 2, 0));
  }

  @Test
  void anEntryCreatedAnewBeginsAtVersionZeroAgain() {
    Peer a = peer();
    done(a, create("/a"), new Put("/a", TWO, 0));
    done(a, new Delete("/a", 1));
    assertThat(answer(a.store().read("/a"))).isEmpty();
    done(a, create("/a"));
    assertThat(entry(a, "/a").version()).isZero();
  }

  @Test
  void anEntryMayBeEmpty() {
    Peer a = peer();
    done(a, new Create("/a", Bytes.EMPTY, Life.PERSISTENT));
    assertThat(entry(a, "/a").data()).isEqualTo(Bytes.EMPTY);
  }

  @Test
  void anEphemeralEntryNamesItsSessionAlsoAfterAChange() {
    Peer a = peer();
    Peer b = peer();
    done(a, ephemeral("/a"));
    done(b, new Put("/a", TWO, 0));
    assertThat(entry(a, "/a").session()).isEqualTo(a.store().sessionId());
  }

  @Test
  void childrenAreTheLastPartsOfThePathsRightBelow() {
    Peer a = peer();
    done(a, create("/a"), create("/a/x"), create("/a/x/deep"), create("/a/y"), create("/ab"));
    assertThat(answer(a.store().children("/a"))).containsExactlyInAnyOrder("x", "y");
    assertThat(answer(a.store().children("/"))).containsExactlyInAnyOrder("a", "ab");
  }

  @Test
  void aRefusalNamesTheFirstPartThatDidNotStandAndNothingIsDone() {
    Peer a = peer();
    done(a, create("/a"), create("/a/b"), ephemeral("/e"));
    Op fine = new Put("/a", TWO, 0);
    assertThat(refused(a, fine, new Check("/a", 0)))
        .isEqualTo(new Refused(1, Reason.OTHER_VERSION));
    assertThat(refused(a, fine, new Check("/x", 0))).isEqualTo(new Refused(1, Reason.NO_ENTRY));
    assertThat(refused(a, fine, new Put("/a", TWO, 0)))
        .isEqualTo(new Refused(1, Reason.OTHER_VERSION));
    assertThat(refused(a, fine, new Put("/x", TWO, 0))).isEqualTo(new Refused(1, Reason.NO_ENTRY));
    assertThat(refused(a, fine, new Delete("/a", 1), create("/a")))
        .isEqualTo(new Refused(1, Reason.NOT_EMPTY));
    assertThat(refused(a, fine, new Delete("/a/b", 1)))
        .isEqualTo(new Refused(1, Reason.OTHER_VERSION));
    assertThat(refused(a, fine, new Delete("/x", 0))).isEqualTo(new Refused(1, Reason.NO_ENTRY));
    assertThat(refused(a, fine, create("/n"), create("/a/b"), new Check("/a", 9)))
        .isEqualTo(new Refused(2, Reason.EXISTS));
    assertThat(refused(a, fine, create("/x/y"))).isEqualTo(new Refused(1, Reason.NO_ENTRY));
    assertThat(refused(a, fine, create("/e/y"))).isEqualTo(new Refused(1, Reason.PARENT_EPHEMERAL));
    assertThat(entry(a, "/a")).isEqualTo(new Entry(ONE, 0, 0));
    assertThat(answer(a.store().children("/"))).containsExactlyInAnyOrder("a", "e");
  }

  @Test
  void partsOfACommitBuildOnThoseBeforeThem() {
    Peer a = peer();
    done(
        a,
        create("/a"),
        create("/a/b"),
        new Put("/a", TWO, 0),
        new Check("/a", 1),
        new Delete("/a/b", 0),
        create("/a/b"));
    assertThat(entry(a, "/a")).isEqualTo(new Entry(TWO, 1, 0));
    done(a, new Delete("/a/b", 0), new Delete("/a", 1));
    assertThat(answer(a.store().children("/"))).isEmpty();
  }

  @Test
  void aCommitOfNothingAndWhatIsNoPathAreRefusedAtOnce() {
    Store store = peer().store();
    assertThatThrownBy(() -> store.commit(List.of())).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.commit(List.of(new Check("/a", -1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-1");
    assertThatThrownBy(() -> store.read("a")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.read("/")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.children("/a/")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> store.commit(List.of(create("/a//b"))))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aCommitMayBeLargeButNotLargerThanTheLimit() {
    Peer a = peer();
    Bytes half = Bytes.of(new byte[Store.COMMIT_BYTES / 2 - 300]);
    done(a, new Create("/a", half, Life.PERSISTENT), new Create("/b", half, Life.PERSISTENT));
    assertThat(entry(a, "/b").data()).isEqualTo(half);
    Bytes more = Bytes.of(new byte[Store.COMMIT_BYTES]);
    assertThatThrownBy(() -> a.store().commit(List.of(new Put("/a", more, 0))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at most " + Store.COMMIT_BYTES);
    assertThatThrownBy(() ->
            a.store()
                .commit(
                    IntStream.range(0, 5000)
                        .mapToObj(i -> create("/" + i))
                        .map(Op.class::cast)
                        .toList()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("5000 parts");
  }

  @Test
  void commitsOfAllSessionsHaveOneOrderWhateverTheyAreMadeOf() {
    Peer a = peer();
    Peer b = peer();
    done(a, create("/n"), create("/still"));
    var orderOfVersion = new TreeMap<Integer, Long>();
    for (int i = 0; i < 20; i += 2) {
      orderOfVersion.put(2 * i, done(a, new Put("/n", ONE, i)).order());
      orderOfVersion.put(2 * i + 1, done(a, new Check("/n", i + 1)).order());
      orderOfVersion.put(2 * i + 2, done(b, new Put("/n", ONE, i + 1)).order());
      orderOfVersion.put(2 * i + 3, done(b, new Check("/still", 0)).order());
    }
    assertThat(List.copyOf(orderOfVersion.values())).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void aSessionReadsItsOwnCommitsAlsoWithoutWaitingForTheirAnswers() {
    Peer a = peer();
    done(a, create("/n"));
    var reads = new ArrayList<CompletableFuture<Optional<Entry>>>();
    for (int i = 0; i < 50; i++) {
      var _ = a.store().commit(List.of(new Put("/n", ONE, i)));
      reads.add(a.store().read("/n"));
    }
    for (int i = 0; i < 50; i++) {
      assertThat(answer(reads.get(i)).orElseThrow().version()).isGreaterThanOrEqualTo(i + 1);
    }
  }

  @Test
  void answersComeInOrderAndReadsNeverGoBack() {
    Peer a = peer();
    Peer b = peer();
    done(b, create("/n"));
    var versions = new CopyOnWriteArrayList<Integer>();
    var last = new ArrayList<CompletableFuture<?>>();
    for (int i = 0; i < 50; i++) {
      var _ = a.store().commit(List.of(new Put("/n", ONE, i)));
      last.add(
          b.store().read("/n").thenAccept(entry -> versions.add(entry.orElseThrow().version())));
    }
    last.forEach(this::answer);
    assertThat(versions).isSorted();
  }

  @Test
  void aChangeIsToldBeforeTheAnswerOfAReadThatSawIt() {
    Peer a = peer();
    Peer b = peer();
    done(b, create("/n"));
    var told = new AtomicInteger();
    answer(b.store().watch("/n", WatchDepth.ENTRY, _ -> told.incrementAndGet()));
    var late = new CopyOnWriteArrayList<String>();
    var reads = new ArrayList<CompletableFuture<?>>();
    for (int i = 0; i < 100; i++) {
      var _ = a.store().commit(List.of(new Put("/n", ONE, i)));
      reads.add(
          b.store()
              .read("/n")
              .thenAccept(entry -> {
                int version = entry.orElseThrow().version();
                if (version > told.get()) {
                  late.add("version %d read, %d changes told".formatted(version, told.get()));
                }
              }));
    }
    reads.forEach(this::answer);
    assertThat(late).isEmpty();
  }

  @Test
  void aChangeIsToldBeforeTheAnswerOfACommitBehindIt() {
    Peer a = peer();
    Peer b = peer();
    done(b, create("/n"));
    for (int i = 0; i < 20; i++) {
      List<Change> told = watch(b, "/n", WatchDepth.ENTRY);
      done(a, new Put("/n", ONE, i));
      var behind = new ArrayList<Integer>();
      Op op = i % 2 == 0 ? new Check("/n", i + 1) : new Check("/n", i);
      answer(b.store().commit(List.of(op)).thenAccept(_ -> behind.add(told.size())));
      assertThat(behind).containsExactly(1);
    }
  }

  @Test
  void theChangesOfOnesOwnCommitAreToldBeforeItsAnswerAndInTheirOrder() {
    Peer a = peer();
    List<Change> told = watch(a, "/", WatchDepth.SUBTREE);
    var before = new CopyOnWriteArrayList<Change>();
    answer(
        a.store()
            .commit(List.of(create("/a"), create("/a/b"), new Put("/a", TWO, 0)))
            .thenAccept(_ -> before.addAll(told)));
    assertThat(before)
        .containsExactly(
            new Change("/a", Change.Kind.CREATED),
            new Change("/a/b", Change.Kind.CREATED),
            new Change("/a", Change.Kind.CHANGED));
  }

  @Test
  void aWatchOfAnEntryTellsOfItAloneAndOfEveryChangeOfIt() {
    Peer a = peer();
    Peer b = peer();
    List<Change> told = watch(b, "/a", WatchDepth.ENTRY);
    done(a, create("/a"));
    done(a, create("/a/b"), create("/ab"));
    done(a, new Put("/a", TWO, 0), new Put("/a/b", TWO, 0));
    done(a, new Put("/a", TWO, 1));
    done(a, new Delete("/a/b", 1), new Delete("/a", 2));
    done(a, create("/a"));
    catchUp(b);
    assertThat(told)
        .containsExactly(
            new Change("/a", Change.Kind.CREATED),
            new Change("/a", Change.Kind.CHANGED),
            new Change("/a", Change.Kind.CHANGED),
            new Change("/a", Change.Kind.DELETED),
            new Change("/a", Change.Kind.CREATED));
  }

  @Test
  void aWatchOfASubtreeTellsOfAllBelowAndOfNoNeighbour() {
    Peer a = peer();
    Peer b = peer();
    List<Change> told = watch(b, "/a", WatchDepth.SUBTREE);
    done(a, create("/a"), create("/ab"), create("/a/b"), create("/a/b/c"));
    done(a, new Put("/a/b/c", TWO, 0), new Put("/ab", TWO, 0));
    done(a, new Delete("/a/b/c", 1));
    catchUp(b);
    assertThat(told)
        .containsExactly(
            new Change("/a", Change.Kind.CREATED),
            new Change("/a/b", Change.Kind.CREATED),
            new Change("/a/b/c", Change.Kind.CREATED),
            new Change("/a/b/c", Change.Kind.CHANGED),
            new Change("/a/b/c", Change.Kind.DELETED));
  }

  @Test
  void aCheckTellsNothing() {
    Peer a = peer();
    done(a, create("/a"));
    List<Change> told = watch(a, "/", WatchDepth.SUBTREE);
    done(a, new Check("/a", 0));
    refused(a, new Put("/a", TWO, 0), new Check("/a", 7));
    assertThat(told).isEmpty();
  }

  @Test
  void severalWatchesOfOnePathAreToldEachUntilItIsClosed() {
    Peer a = peer();
    done(a, create("/a"));
    var first = new CopyOnWriteArrayList<Change>();
    var second = new CopyOnWriteArrayList<Change>();
    Watch watch = answer(a.store().watch("/a", WatchDepth.ENTRY, first::add));
    answer(a.store().watch("/a", WatchDepth.ENTRY, second::add));
    List<Change> subtree = watch(a, "/a", WatchDepth.SUBTREE);
    List<Change> above = watch(a, "/", WatchDepth.SUBTREE);
    done(a, new Put("/a", TWO, 0));
    watch.close();
    done(a, new Put("/a", TWO, 1));
    assertThat(first).hasSize(1);
    assertThat(second).hasSize(2);
    assertThat(subtree).hasSize(2);
    assertThat(above).hasSize(2);
  }

  @Test
  void aClosedWatchTellsNothingMoreAlsoOfWhatIsUnderWay() {
    Peer a = peer();
    Peer b = peer();
    done(b, create("/n"));
    var told = new CopyOnWriteArrayList<Change>();
    var watch = new CompletableFuture<Watch>();
    answer(
        b.store()
            .watch(
                "/n",
                WatchDepth.ENTRY,
                change -> {
                  told.add(change);
                  watch.join().close();
                })
            .thenAccept(watch::complete));
    var puts = new ArrayList<CompletableFuture<CommitResult>>();
    for (int i = 0; i < 50; i++) {
      puts.add(a.store().commit(List.of(new Put("/n", ONE, i))));
    }
    puts.forEach(this::answer);
    catchUp(b);
    assertThat(told).hasSize(1);
  }

  @Test
  void aPathCanBeWatchedAgainAfterItsLastWatchWasClosed() {
    Peer a = peer();
    done(a, create("/a"));
    for (int i = 0; i < 10; i++) {
      var told = new CopyOnWriteArrayList<Change>();
      Watch watch = answer(a.store().watch("/a", WatchDepth.ENTRY, told::add));
      done(a, new Put("/a", TWO, i));
      watch.close();
      assertThat(told).hasSize(1);
    }
  }

  /** Whether the answer came on the loop; asked there, so that it cannot be there at once. */
  private <T> void answersOnTheLoop(Peer peer, Supplier<CompletableFuture<T>> request) {
    var onLoop = new CompletableFuture<Boolean>();
    peer.loop()
        .execute(() -> {
          var _ = request.get().whenComplete((_, _) -> onLoop.complete(peer.loop().isCurrent()));
        });
    assertThat(answer(onLoop)).isTrue();
  }

  @Test
  void everythingIsToldAndAnsweredOnTheLoop() {
    Peer a = peer();
    Store store = a.store();
    var toldOnLoop = new CopyOnWriteArrayList<Boolean>();
    List<SessionEvent> events = events(a);
    store.onSession(_ -> toldOnLoop.add(a.loop().isCurrent()));
    answersOnTheLoop(
        a, () -> store.watch("/", WatchDepth.SUBTREE, _ -> toldOnLoop.add(a.loop().isCurrent())));
    answersOnTheLoop(a, () -> store.commit(List.of(create("/a"))));
    answersOnTheLoop(a, () -> store.commit(List.of(create("/a"))));
    answersOnTheLoop(a, () -> store.read("/a"));
    answersOnTheLoop(a, () -> store.children("/a"));
    a.cut();
    assertThat(until(() -> events.contains(SessionEvent.SUSPENDED))).isTrue();
    answersOnTheLoop(a, () -> store.commit(List.of(create("/b"))));
    a.expire();
    a.restore();
    answersOnTheLoop(a, () -> store.read("/a"));
    answersOnTheLoop(a, () -> store.commit(List.of(create("/b"))));
    assertThat(toldOnLoop).hasSize(3).doesNotContain(false);
  }

  @Test
  void sessionsHaveNumbersOfTheirOwnAndATimeoutThatWasGranted() {
    List<Store> stores = IntStream.range(0, 3).mapToObj(_ -> peer().store()).toList();
    assertThat(stores.stream().map(Store::sessionId)).doesNotHaveDuplicates().doesNotContain(0L);
    assertThat(stores).allMatch(store -> store.sessionTimeout().isPositive());
  }

  @Test
  void aSessionLivesThroughALostConnection() {
    Peer a = peer();
    Peer b = peer();
    done(a, ephemeral("/mine"), create("/n"));
    List<Change> told = watch(a, "/n", WatchDepth.ENTRY);
    List<SessionEvent> events = events(a);
    a.cut();
    assertThat(until(() -> events.contains(SessionEvent.SUSPENDED))).isTrue();
    CompletableFuture<Optional<Entry>> read = a.store().read("/n");
    CompletableFuture<List<String>> children = a.store().children("/");
    var lateChanges = new CopyOnWriteArrayList<Change>();
    CompletableFuture<Watch> watch = a.store().watch("/n", WatchDepth.SUBTREE, lateChanges::add);
    assertThat(failure(a.store().commit(List.of(new Put("/n", TWO, 0)))))
        .isInstanceOf(OutcomeUnknownException.class);
    done(b, new Put("/n", TWO, 0));
    a.restore();
    assertThat(answer(read).orElseThrow().version()).isEqualTo(1);
    assertThat(answer(children)).contains("mine", "n");
    answer(watch);
    assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.RECONNECTED);
    assertThat(told).isEmpty();
    done(b, new Put("/n", TWO, 1));
    catchUp(a);
    assertThat(told).containsExactly(new Change("/n", Change.Kind.CHANGED));
    assertThat(lateChanges).containsExactly(new Change("/n", Change.Kind.CHANGED));
    assertThat(entry(b, "/mine").session()).isEqualTo(a.store().sessionId());
  }

  @Test
  void whatWasCommittedWhileTheConnectionWasLostIsReadOnceItIsBack() {
    Peer a = peer();
    Peer b = peer();
    done(b, create("/n"));
    var reads = new CopyOnWriteArrayList<CompletableFuture<Optional<Entry>>>();
    List<SessionEvent> events = events(a);
    a.store()
        .onSession(event -> {
          if (event == SessionEvent.RECONNECTED) {
            reads.add(a.store().read("/n"));
          }
        });
    for (int i = 0; i < 3; i++) {
      events.clear();
      a.cut();
      assertThat(until(() -> events.contains(SessionEvent.SUSPENDED))).isTrue();
      done(b, new Put("/n", TWO, i));
      a.restore();
      assertThat(until(() -> events.contains(SessionEvent.RECONNECTED))).isTrue();
      int last = reads.size() - 1;
      assertThat(answer(reads.get(last)).orElseThrow().version()).isEqualTo(i + 1);
    }
  }

  @Test
  void aCommitThatLostItsAnswerIsUnknownWhetherDoneOrNot() {
    for (boolean done : List.of(true, false)) {
      Peer a = peer();
      List<SessionEvent> events = events(a);
      String path = "/" + done;
      a.loseNextAnswer(done);
      assertThat(failure(a.store().commit(List.of(create(path)))))
          .isInstanceOf(OutcomeUnknownException.class);
      assertThat(until(() -> events.contains(SessionEvent.RECONNECTED))).isTrue();
      assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.RECONNECTED);
      assertThat(answer(a.store().read(path)).isPresent()).isEqualTo(done);
    }
  }

  @Test
  void aLostSessionFailsAllUnderWayAndAllAskedLater() {
    Peer a = peer();
    Peer b = peer();
    done(a, ephemeral("/mine"), create("/n"));
    List<Change> told = watch(a, "/n", WatchDepth.ENTRY);
    List<Change> seen = watch(b, "/mine", WatchDepth.ENTRY);
    List<SessionEvent> events = events(a);
    a.cut();
    assertThat(until(() -> events.contains(SessionEvent.SUSPENDED))).isTrue();
    CompletableFuture<Optional<Entry>> read = a.store().read("/n");
    CompletableFuture<Watch> watch = a.store().watch("/n", WatchDepth.ENTRY, _ -> {});
    a.expire();
    a.restore();
    assertThat(failure(read)).isInstanceOf(SessionLostException.class);
    assertThat(failure(watch)).isInstanceOf(SessionLostException.class);
    assertThat(until(() -> events.contains(SessionEvent.LOST))).isTrue();
    assertThat(failure(a.store().read("/n"))).isInstanceOf(SessionLostException.class);
    assertThat(failure(a.store().children("/"))).isInstanceOf(SessionLostException.class);
    assertThat(failure(a.store().commit(List.of(create("/x")))))
        .isInstanceOf(SessionLostException.class);
    assertThat(failure(a.store().watch("/n", WatchDepth.ENTRY, _ -> {})))
        .isInstanceOf(SessionLostException.class);
    done(b, new Put("/n", TWO, 0));
    assertThat(until(() -> !seen.isEmpty())).isTrue();
    assertThat(seen).containsExactly(new Change("/mine", Change.Kind.DELETED));
    assertThat(answer(b.store().read("/x"))).isEmpty();
    assertThat(told).isEmpty();
    assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.LOST);
    a.store().close();
  }

  @Test
  void aSessionThatTheServersEndUnderALiveConnectionIsLost() {
    Peer a = peer();
    List<SessionEvent> events = events(a);
    a.expire();
    assertThat(until(() -> events.contains(SessionEvent.LOST))).isTrue();
    assertThat(events).doesNotContain(SessionEvent.RECONNECTED).endsWith(SessionEvent.LOST);
  }

  @Test
  void aSessionThatHearsNothingForTooLongIsLostThoughNobodySaysSo() {
    Peer a = peer();
    List<SessionEvent> events = events(a);
    a.cut();
    assertThat(until(() -> events.contains(SessionEvent.LOST))).isTrue();
    assertThat(events).containsExactly(SessionEvent.SUSPENDED, SessionEvent.LOST);
    a.restore();
    assertThat(failure(a.store().read("/n"))).isInstanceOf(SessionLostException.class);
  }

  @Test
  void closingEndsTheSessionAndItsEphemeralEntriesAndIsNotToldAsAnEvent() {
    Peer a = peer();
    Peer b = peer();
    done(a, ephemeral("/mine"), create("/kept"));
    List<Change> seen = watch(b, "/", WatchDepth.SUBTREE);
    List<Change> told = watch(a, "/", WatchDepth.SUBTREE);
    List<SessionEvent> events = events(a);
    a.store().close();
    assertThat(until(() -> !seen.isEmpty())).isTrue();
    assertThat(seen).containsExactly(new Change("/mine", Change.Kind.DELETED));
    assertThat(failure(a.store().read("/kept"))).isInstanceOf(SessionLostException.class);
    assertThat(answer(b.store().read("/kept"))).isPresent();
    a.store().close();
    catchUp(b);
    assertThat(events).isEmpty();
    assertThat(told).isEmpty();
  }

  @Test
  void closingFailsWhatIsUnderWay() {
    Peer a = peer();
    List<SessionEvent> events = events(a);
    a.cut();
    assertThat(until(() -> events.contains(SessionEvent.SUSPENDED))).isTrue();
    var read = a.store().read("/n");
    a.store().close();
    assertThat(failure(read)).isInstanceOf(SessionLostException.class);
    a.restore();
    assertThat(events).containsExactly(SessionEvent.SUSPENDED);
  }

  @Test
  void whatASessionCostsIsCounted() {
    Peer a = peer();
    Peer b = peer();
    done(a, create("/a"));
    watch(a, "/a", WatchDepth.ENTRY);
    StoreCounts before = a.store().counts();
    done(a, new Put("/a", TWO, 0), new Check("/a", 1));
    done(b, new Put("/a", TWO, 1));
    refused(a, new Check("/a", 0));
    entry(a, "/a");
    answer(a.store().children("/a"));
    assertThat(a.store().counts().since(before)).isEqualTo(new StoreCounts(2, 2, 2));
  }
}
