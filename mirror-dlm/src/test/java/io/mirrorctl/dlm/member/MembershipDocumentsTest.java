package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.dlm.store.Bytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the documents say of entries, answers and halt codes is what the code does. */
class MembershipDocumentsTest {
  private static final Path FORMATS = Path.of("../docs/formats/membership.md");
  private static final Path PROTOCOL = Path.of("../docs/protocols/membership.md");

  private interface Decoder<T> {
    T decode(String path, Bytes data) throws UnreadableRecordException;
  }

  private static Bytes example(String name) throws IOException {
    var block = Pattern.compile("```" + name + "\n(.*?)```", Pattern.DOTALL);
    var found = block.matcher(Files.readString(FORMATS));
    assertThat(found.find()).isTrue();
    return Bytes.utf8(found.group(1));
  }

  @Test
  void theExamplesAreDecodedAndEncodedToTheSameBytes() throws Exception {
    Bytes view = example("view");
    assertThat(ViewCodec.encode(ViewCodec.decode("v", view))).isEqualTo(view);
    Bytes cluster = example("cluster");
    assertThat(ClusterRecord.decode("c", cluster).encode()).isEqualTo(cluster);
    Bytes member = example("member");
    assertThat(MemberRecord.decode("m", member).encode()).isEqualTo(member);
  }

  @Test
  void theExampleOfAViewMeansWhatItSays() throws Exception {
    View view = ViewCodec.decode("v", example("view"));
    assertThat(view.epoch()).isEqualTo(12);
    assertThat(view.stage()).isEqualTo(Stage.CLEAN_UP_1);
    assertThat(view.nextIncarnation()).isEqualTo(10);
    assertThat(view.winner()).contains(new Incarnation(1, 7));
    assertThat(view.owner()).isEmpty();
    assertThat(view.active()).containsExactly(new Incarnation(1, 7), new Incarnation(3, 9));
    assertThat(view.dead()).containsExactly(new Incarnation(2, 8));
    Member three = view.node(3).orElseThrow();
    assertThat(three.state()).isEqualTo(Member.State.JOINING);
    assertThat(three.session()).isEqualTo(-144115188075855872L);
    assertThat(three.leaseLength().toMillis()).isEqualTo(6_000);
    assertThat(three.passed()).contains(Stage.CLEAN_UP_1);
    assertThat(three.vouched()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mirrorctl-view 1 | mirrorctl-view 2 | version 2 of mirrorctl-view",
        "mirrorctl-view 1 | mirrorctl-cluster 1 | line 1 should be \"mirrorctl-view\"",
        "epoch 12 | epoch 012 | plainly written",
        "epoch 12 | epoch -1 | it must be 0 to",
        "epoch 12 | epoch twelve | \"twelve\" is not a number",
        "stage CLEAN_UP_1 | stage CLEANING | \"CLEANING\" is not known",
        "arbitrate yes | arbitrate maybe | is neither \"yes\" nor \"no\"",
        "winner 1/7 | winner 1 | \"1\" is no node/incarnation",
        "member 1/7 | member 4/7 | members are not in order",
        "member 1/7 | member 1/9 | an incarnation that cannot be",
        "member 3/9 | member 3/10 | an incarnation that cannot be",
        "9000 NEW_VIEW WON - | 9000 NEW_VIEW WON | 6 values, not 7",
        "accuses 1/7 3/9 | denies 1/7 3/9 | was not expected",
      })
  void aBrokenViewIsRefusedByName(String was, String is, String why) throws Exception {
    Bytes broken = Bytes.utf8(example("view").text().replace(was.strip(), is.strip()));
    Assertions.assertThatThrownBy(() -> ViewCodec.decode("/cluster/view", broken))
        .isInstanceOf(UnreadableRecordException.class)
        .hasMessageStartingWith("/cluster/view: ")
        .hasMessageContaining(why.strip());
  }

  @Test
  void hostileBytesEndInAClearError() throws Exception {
    List<Bytes> examples = List.of(example("view"), example("cluster"), example("member"));
    List<Decoder<?>> decoders =
        List.of(ViewCodec::decode, ClusterRecord::decode, MemberRecord::decode);
    var random = new SplittableRandom(3);
    int refused = 0;
    for (int i = 0; i < 30_000; i++) {
      byte[] bytes = examples.get(i % 3).toArray();
      for (int changes = random.nextInt(1, 4); changes > 0; changes--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      try {
        decoders.get(i % 3).decode("p", Bytes.of(bytes));
      } catch (UnreadableRecordException e) {
        refused++;
        assertThat(e).hasMessageStartingWith("p: ");
      }
    }
    assertThat(refused).isGreaterThan(20_000);
  }

  @Test
  void theTablesOfAnswersAndHaltCodesAreThoseOfTheCode() throws IOException {
    List<String> code = new ArrayList<>();
    Stream.of(Status.values()).forEach(s -> code.add(row(s.name(), s)));
    Stream.of(HaltCode.values()).forEach(h -> code.add(row(h.name(), h)));
    List<String> document =
        Files.readAllLines(PROTOCOL).stream()
            .filter(line -> line.matches("\\| [A-Z_]+ \\| \\d \\| .*"))
            .toList();
    assertThat(document).isEqualTo(code);
    assertThat(Status.values()).allMatch(s -> s.exitCode() >= 0 && s.exitCode() <= 4);
    assertThat(HaltCode.values()).allMatch(h -> h.exitCode() > 0 && h.exitCode() <= 4);
  }

  private static String row(String name, Ending ending) {
    return "| %s | %d | %s |".formatted(name, ending.exitCode(), ending.text());
  }
}
