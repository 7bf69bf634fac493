package io.mirrorctl.dlm.member;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {

  @Test
  void aSessionIsAsLongAsTheRenewalsThatMayBeMissed() {
    assertThat(Heartbeat.DEFAULT.sessionTimeout()).isEqualTo(Duration.ofSeconds(9));
    assertThat(Heartbeat.DEFAULT.renewalInterval(Duration.ofSeconds(9)))
        .isEqualTo(Duration.ofMillis(1_500));
  }

  @Test
  void theRenewalIntervalFollowsWhatTheServersGrant() {
    assertThat(Heartbeat.DEFAULT.renewalInterval(Duration.ofSeconds(4)))
        .isEqualTo(Duration.ofNanos(666_666_666));
  }

  @ParameterizedTest
  @CsvSource({
    "49, 3, 6, clock period",
    "10001, 1, 6, clock period",
    "500, 0, 6, send multiple",
    "500, 101, 6, send multiple",
    "500, 3, 3, receive multiple",
    "500, 3, 101, receive multiple",
    "50, 1, 4, session timeout",
    "10000, 10, 10, session timeout",
  })
  void aHeartbeatOutsideItsLimitsIsRefusedByName(int period, int send, int receive, String name) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Heartbeat(period, send, receive))
        .withMessageContaining(name);
  }

  @ParameterizedTest
  @CsvSource({"0", "65", "-1"})
  void aNodeNumberOutsideItsLimitsIsRefused(int node) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MemberSettings.of(node))
        .withMessage("the node number is " + node + "; it must be 1 to 64");
  }

  @Test
  void parametersThatWouldBreakTheirRecordAreRefused() {
    MemberSettings settings = MemberSettings.of(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> settings.with(Map.of("array", "a\nepoch 1")));
    assertThatIllegalArgumentException().isThrownBy(() -> settings.with(Map.of("An array", "a")));
  }

  @Test
  void whatIsAnnouncedCannotBeChangedLater() {
    MemberSettings settings = MemberSettings.of(1).with(Map.of("array", "a"));
    assertThatThrownBy(() -> settings.parameters().put("array", "b"))
        .isInstanceOf(UnsupportedOperationException.class);
    assertThat(settings.announced())
        .containsEntry("array", "a")
        .containsEntry("mirrorctl.version", "1")
        .containsEntry("mirrorctl.io-margin-millis", "1000");
  }
}
