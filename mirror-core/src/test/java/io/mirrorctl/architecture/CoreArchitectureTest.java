package io.mirrorctl.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.mirrorctl.core.env.Env;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CoreArchitectureTest {
  private static final JavaClasses CORE = Rule.moduleOf(Env.class);

  static List<Rule> rules() {
    return CoreRules.under("io.mirrorctl");
  }

  @ParameterizedTest
  @MethodSource("rules")
  void theEngineKeepsItsArrows(Rule rule) {
    rule.check(CORE);
  }
}
