package io.mirrorctl.dlm.message;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.message.ClusterMessage.ChangeCapacity;
import io.mirrorctl.dlm.store.StoreCounts;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a broadcast costs, counted. */
class BroadcastCostTest {

  private static StoreCounts counts(StoreWorld world, World.Node node) {
    return world.members.get(node.slot).store.counts();
  }

  /**
   * The message, an ask for each receiver, all at once, an answer by each, and one commit to end
   * it: three in sequence until the sender goes on, whatever the number of receivers.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 15})
  void aBroadcastIsOneCommitOfEachReceiverAndTwoMoreThanReceiversOfTheSender(int receivers) {
    var world = new StoreWorld(1);
    var sender = world.joined();
    for (int i = 0; i < receivers; i++) {
      world.joined();
    }
    world.done(sender.send(new ChangeCapacity(1)));
    world.settle();
    List<StoreCounts> before = world.nodes.stream().map(node -> counts(world, node)).toList();

    world.done(sender.send(new ChangeCapacity(2)));
    world.settle();

    for (var node : world.nodes) {
      StoreCounts then = before.get(node.slot);
      StoreCounts now = counts(world, node);
      assertThat(now.commits() - then.commits())
          .as("commits of n%d", node.slot)
          .isEqualTo(node == sender ? receivers + 2 : 1);
      assertThat(now.reads() - then.reads())
          .as("reads of n%d", node.slot)
          .isLessThanOrEqualTo(node == sender ? receivers : 3);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 16})
  void membersThatHaveNothingToSayCostNothing(int members) {
    var world = new StoreWorld(2);
    for (int i = 0; i < members; i++) {
      world.joined();
    }
    world.settle();
    StoreCounts before = world.servers.counts();

    world.settle();

    assertThat(world.servers.counts()).isEqualTo(before);
  }
}
