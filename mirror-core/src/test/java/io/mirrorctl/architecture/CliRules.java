package io.mirrorctl.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import java.util.List;

/** What the command and the node process may use: see the arrows in ARCHITECTURE.md. */
public final class CliRules {
  private CliRules() {}

  /**
   * The rules of mirror-cli.
   *
   * @param root package above {@code cli}
   */
  public static List<Rule> under(String root) {
    String cli = root + ".cli.";
    return List.of(
        new Rule(
            "cli.nbd knows block devices and the environment, nothing else of the project",
            noClasses()
                .that()
                .resideInAPackage(cli + "nbd..")
                .should()
                .dependOnClassesThat(
                    resideInAPackage(root + "..")
                        .and(
                            not(
                                resideInAnyPackage(
                                    cli + "nbd..",
                                    root + ".core.block..",
                                    root + ".core.env.."))))),
        new Rule(
            "cli leaves ZooKeeper to dlm.zookeeper",
            noClasses()
                .that()
                .resideInAPackage(cli + ".")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(DlmRules.ZOOKEEPER)),
        CoreRules.noCycles(root, "cli"),
        EnvRules.time(root, "cli"),
        EnvRules.chance(root, "cli"));
  }
}
