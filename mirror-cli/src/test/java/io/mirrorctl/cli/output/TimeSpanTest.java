package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TimeSpanTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 ms",
    "999, 999 ms",
    "1000, 1.0 s",
    "12399, 12.3 s",
    "59999, 59.9 s",
    "60000, 1:00 min",
    "245000, 4:05 min",
    "3599999, 59:59 min",
    "3600000, 1:00 h",
    "11040000, 3:04 h",
    "86400000, 1 d 0 h",
    "183600000, 2 d 3 h"
  })
  void aTimeHasTheUnitThatPeopleWouldUseAndIsNeverRoundedUp(long millis, String text) {
    assertThat(TimeSpan.text(millis)).isEqualTo(text);
  }
}
