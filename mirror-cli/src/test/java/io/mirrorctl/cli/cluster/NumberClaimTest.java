package io.mirrorctl.cli.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.env.Loop;
import io.mirrorctl.dlm.store.Store;
import io.mirrorctl.dlm.store.StoreException;
import io.mirrorctl.dlm.zookeeper.EmbeddedZooKeeper;
import io.mirrorctl.dlm.zookeeper.ZooKeeperOptions;
import io.mirrorctl.dlm.zookeeper.ZooKeeperStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NumberClaimTest {
  @TempDir Path directory;
  private EmbeddedZooKeeper zookeeper;
  private Loop loop;
  private Store store;

  @BeforeEach
  void start() throws StoreException {
    zookeeper = EmbeddedZooKeeper.start(EmbeddedZooKeeper.Options.in(directory));
    loop = Loop.start("claims", (_, e) -> e.printStackTrace());
    store =
        ZooKeeperStore.connect(
                ZooKeeperOptions.of(zookeeper.connectString(), ClusterConfig.root("c")), loop)
            .join();
  }

  @AfterEach
  void stop() {
    store.close();
    loop.close();
    zookeeper.close();
  }

  private int claim(String name) throws IOException {
    return new NumberClaim(store, name, OptionalInt.empty()).run().number();
  }

  private int claim(String name, int number) throws IOException {
    return new NumberClaim(store, name, OptionalInt.of(number)).run().number();
  }

  @Test
  void aNameKeepsItsNumberForEver() throws IOException {
    assertThat(claim("a")).isEqualTo(1);
    assertThat(claim("b")).isEqualTo(2);
    assertThat(claim("a")).isEqualTo(1);
    assertThat(claim("c", 9)).isEqualTo(9);
    assertThat(claim("c")).isEqualTo(9);
    assertThat(claim("d")).isEqualTo(3);
  }

  @Test
  void aNumberThatIsAnothersIsRefusedWithItsOwner() throws IOException {
    claim("a");

    assertThatThrownBy(() -> claim("b", 1)).hasMessageContaining("number 1 is that of node a");
    assertThatThrownBy(() -> claim("a", 2)).hasMessageContaining("node a has number 1 for ever");
  }

  @Test
  void nodesThatClaimAtOnceGetNumbersOfTheirOwn() throws Exception {
    List<Callable<Integer>> claims = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      String name = "n" + i;
      claims.add(() -> claim(name));
    }
    List<Integer> numbers = new ArrayList<>();
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      for (Future<Integer> claimed : threads.invokeAll(claims)) {
        numbers.add(claimed.get());
      }
    }
    assertThat(numbers).containsExactlyInAnyOrder(1, 2, 3, 4, 5, 6, 7, 8);
  }
}
