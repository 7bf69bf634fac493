package io.mirrorctl.dlm.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.mirrorctl.dlm.store.Bytes;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EnsembleTest {
  @Test
  void theEntryIsTextAsTheDocumentSays() {
    UUID id = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    Bytes entry = Bytes.utf8("mirrorctl-ensemble 1\n00112233-4455-6677-8899-aabbccddeeff\n");
    assertThat(Ensemble.encode(id)).isEqualTo(entry);
    assertThat(Ensemble.decode(entry)).isEqualTo(id);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "mirrorctl-ensemble 2\n00112233-4455-6677-8899-aabbccddeeff\n",
        "mirrorctl-ensemble 1\n",
        "mirrorctl-ensemble 1\n1-1-1-1-1\n",
        "mirrorctl-ensemble 1\n00112233-4455-6677-8899-aabbccddeeff\nmore\n"
      })
  void anythingElseIsRefused(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> Ensemble.decode(Bytes.utf8(text)));
  }
}
