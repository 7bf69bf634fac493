package io.mirrorctl.cli;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.mirrorctl.architecture.CliRules;
import io.mirrorctl.architecture.Rule;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CliArchitectureTest {
  private static final JavaClasses MODULE = Rule.moduleOf(Main.class);

  static List<Rule> rules() {
    return CliRules.under("io.mirrorctl");
  }

  @ParameterizedTest
  @MethodSource("rules")
  void theModuleKeepsItsArrows(Rule rule) {
    rule.check(MODULE);
  }
}
