package io.mirrorctl.dlm;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.mirrorctl.architecture.DlmRules;
import io.mirrorctl.architecture.Rule;
import io.mirrorctl.dlm.lock.LockMode;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DlmArchitectureTest {
  private static final JavaClasses MODULE = Rule.moduleOf(LockMode.class);

  static List<Rule> rules() {
    return DlmRules.under("io.mirrorctl");
  }

  @ParameterizedTest
  @MethodSource("rules")
  void theModuleKeepsItsArrows(Rule rule) {
    rule.check(MODULE);
  }
}
