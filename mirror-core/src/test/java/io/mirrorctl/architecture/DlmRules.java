package io.mirrorctl.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;

/** What the lock manager may use: see the arrows in ARCHITECTURE.md. */
public final class DlmRules {
  static final String[] ZOOKEEPER = {"org.apache.curator..", "org.apache.zookeeper.."};

  private static final Set<String> WAITS = Set.of("get", "join", "getNow", "resultNow");

  private DlmRules() {}

  /**
   * The rules of mirror-dlm.
   *
   * @param root package above {@code dlm}
   */
  public static List<Rule> under(String root) {
    String dlm = root + ".dlm.";
    return List.of(
        new Rule(
            "only dlm.zookeeper knows ZooKeeper",
            noClasses()
                .that()
                .resideInAPackage(dlm + ".")
                .and()
                .resideOutsideOfPackage(dlm + "zookeeper..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ZOOKEEPER)),
        new Rule(
            "dlm.lock is pure: it uses no other package of dlm",
            noClasses()
                .that()
                .resideInAPackage(dlm + "lock..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                    dlm + "member..", dlm + "message..", dlm + "cluster..", dlm + "zookeeper..")),
        new Rule(
            "dlm.message and dlm.member do not use the node above them",
            noClasses()
                .that()
                .resideInAnyPackage(dlm + "message..", dlm + "member..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(dlm + "cluster..")),
        new Rule(
            "the rest of dlm, but for the door, runs without ZooKeeper",
            noClasses()
                .that()
                .resideInAPackage(dlm + ".")
                .and()
                .resideOutsideOfPackage(dlm + "zookeeper..")
                .and()
                .doNotHaveFullyQualifiedName(dlm + "LockManager")
                .should()
                .dependOnClassesThat()
                .resideInAPackage(dlm + "zookeeper..")),
        new Rule(
            "in dlm.cluster only Await waits for futures",
            noClasses()
                .that()
                .resideInAPackage(dlm + "cluster..")
                .and()
                .doNotHaveFullyQualifiedName(dlm + "cluster.Await")
                .should()
                .callMethodWhere(
                    DescribedPredicate.describe(
                        "the future is waited for",
                        call ->
                            call.getTargetOwner().isAssignableTo(Future.class)
                                && WAITS.contains(call.getName())))),
        CoreRules.noCycles(root, "dlm"),
        EnvRules.time(root, "dlm"),
        EnvRules.parking(root, "dlm"),
        EnvRules.chance(root, "dlm"),
        EnvRules.threads(root, "dlm", "dlm.zookeeper"));
  }
}
