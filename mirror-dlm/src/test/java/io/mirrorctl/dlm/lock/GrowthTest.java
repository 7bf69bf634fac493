package io.mirrorctl.dlm.lock;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.lock.LockRig.RigNode;
import io.mirrorctl.dlm.store.Change;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreCounts;
import io.mirrorctl.dlm.store.Watch;
import io.mirrorctl.dlm.store.WatchDepth;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What many nodes and many resources cost, counted. */
class GrowthTest {
  private final LockRig rig = new LockRig(3);
  private final List<CountingStore> stores = new ArrayList<>();

  /** Knows how many watches are in place. */
  private static final class CountingStore extends ForwardingStore {
    private int watches;

    CountingStore(Store store) {
      super(store);
    }

    @Override
    public CompletableFuture<Watch> watch(
        String path, WatchDepth depth, Consumer<Change> onChange) {
      return super.watch(path, depth, onChange)
          .thenApply(watch -> {
            watches++;
            return () -> {
              watches--;
              watch.close();
            };
          });
    }
  }

  private Store counting(Store store) {
    stores.add(new CountingStore(store));
    return stores.getLast();
  }

  @ParameterizedTest
  @CsvSource({"2, 1", "4, 10", "8, 100", "16, 100", "2, 1000"})
  void watchesAreOneForTheViewAndOnePerLockThatWantsToBeTold(int nodeCount, int resources) {
    rig.between = this::counting;
    List<RigNode> nodes = new ArrayList<>();
    for (int i = 0; i < nodeCount; i++) {
      nodes.add(rig.member());
    }
    int told = Math.max(1, resources / 10);
    for (RigNode node : nodes) {
      List<CompletableFuture<LockOutcome>> grants = new ArrayList<>();
      for (int i = 0; i < resources; i++) {
        Lock lock = i < told ? node.lockspace.lock("r" + i, _ -> {}) : node.lockspace.lock("r" + i);
        grants.add(lock.convert(LockMode.CR));
      }
      grants.forEach(rig::await);
    }
    rig.settle();
    assertThat(stores).hasSize(nodeCount).allMatch(store -> store.watches == 1 + told);
    StoreCounts before = rig.servers.counts();
    rig.simulation.run(Duration.ofMinutes(10));
    assertThat(rig.servers.counts()).as("traffic of idle nodes").isEqualTo(before);
    for (int i = 0; i < resources; i++) {
      assertThat(rig.servers.peek("/lockspaces/space/locks/r" + i).orElseThrow().data().size())
          .isEqualTo(LockRecordCodec.HEADER_BYTES + nodeCount * LockRecordCodec.ENTRY_BYTES);
    }
  }

  @Test
  void aWatchOfALockThatWaitedGoesWhenNobodyCanWaitForItAlone() {
    rig.between = this::counting;
    RigNode a = rig.member();
    RigNode b = rig.member();
    Lock ours = a.lockspace.lock("r");
    a.grant(ours, LockMode.EX);
    Lock theirs = b.lockspace.lock("r");
    var waiting = theirs.convert(LockMode.EX);
    rig.settle();
    assertThat(stores.get(1).watches).isEqualTo(2);
    a.grant(ours, LockMode.NL);
    rig.await(waiting);
    b.grant(theirs, LockMode.PR);
    rig.settle();
    assertThat(stores.get(1).watches).isEqualTo(1);
  }

  @Test
  void aLockTakesAFewKilobytesWithAllThatIsKnownOfIt() {
    RigNode a = rig.member();
    int count = 5000;
    long before = usedHeap();
    List<Lock> locks = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      locks.add(a.lockspace.lock("r" + i, _ -> {}));
      rig.await(locks.getLast().convert(LockMode.PR));
    }
    // the simulated servers keep every commit, so this is more than a node's own memory
    assertThat((usedHeap() - before) / count).isLessThan(8192);
    assertThat(locks).hasSize(count);
  }

  private static long usedHeap() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }
}
