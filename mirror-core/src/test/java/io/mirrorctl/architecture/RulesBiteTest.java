package io.mirrorctl.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Holds every rule against the classes of {@code fixture}, which break all of them: a rule that
 * finds nothing because a package is empty, or because it was written wrong, would show here.
 */
class RulesBiteTest {
  private static final String ROOT = "io.mirrorctl.architecture.fixture";
  private static final JavaClasses FIXTURE = new ClassFileImporter().importPackages(ROOT);

  static List<Rule> rules() {
    return Stream.of(CoreRules.under(ROOT), DlmRules.under(ROOT), CliRules.under(ROOT))
        .flatMap(List::stream)
        .toList();
  }

  /** What each rule has to find, as it stands in its report. */
  private static Map<String, List<String>> culprits() {
    var found = new LinkedHashMap<String, List<String>>();
    for (int i = 0; i < CoreRules.LAYERS.size() - 1; i++) {
      String part = part("core", CoreRules.LAYERS.get(i));
      found.put(
          "core." + CoreRules.LAYERS.get(i) + " does not use the layers above it",
          CoreRules.LAYERS.stream()
              .skip(i + 1)
              .map(above ->
                  "Field <" + part + "." + above + "> has type <" + part("core", above) + ">")
              .toList());
    }
    found.put("every class of core belongs to a layer", List.of("core.stray.Stray"));
    found.put("packages of core do not use each other in a circle", List.of("Slice resync"));
    found.put("core uses the JDK and Guava only", List.of("OutsideSins.dependency()"));
    found.put("core opens no sockets", List.of("OutsideSins.address()", "OutsideSins.socket()"));
    found.put("only core.block uses channels", List.of("OutsideSins.file("));
    found.put("time in core comes from Env", methodsOf("TimeSins"));
    found.put("no thread of core is parked for a time", methodsOf("ParkSins"));
    found.put("chance in core comes from Env", methodsOf("ChanceSins"));
    found.put("threads in core come from Env", methodsOf("ThreadSins"));
    found.put("only dlm.zookeeper knows ZooKeeper", List.of("dlm.cluster.KnowsZooKeeper"));
    found.put(
        "dlm.lock is pure: it uses no other package of dlm",
        List.of(
            part("dlm", "member"),
            part("dlm", "message"),
            part("dlm", "cluster"),
            part("dlm", "zookeeper")));
    found.put(
        "dlm.message and dlm.member do not use the node above them",
        List.of(part("dlm", "message"), part("dlm", "member")));
    found.put(
        "the rest of dlm, but for the door, runs without ZooKeeper",
        List.of(
            part("dlm", "lock"),
            part("dlm", "member"),
            part("dlm", "message"),
            part("dlm", "cluster")));
    found.put(
        "in dlm.cluster only Await waits for futures",
        List.of("dlm.cluster.Impatient.result(", "dlm.cluster.Impatient.joined("));
    found.put("packages of dlm do not use each other in a circle", List.of("Slice message"));
    found.put("time in dlm comes from Env", List.of("dlm.cluster.OwnClock.time()"));
    found.put("no thread of dlm is parked for a time", List.of("dlm.cluster.OwnClock.park()"));
    found.put("chance in dlm comes from Env", List.of("dlm.cluster.OwnClock.chance()"));
    found.put("threads in dlm come from Env", List.of("dlm.cluster.OwnClock.thread()"));
    found.put(
        "cli.nbd knows block devices and the environment, nothing else of the project",
        List.of(part("core", "format"), "cli.daemon.There", part("dlm", "cluster")));
    found.put("cli leaves ZooKeeper to dlm.zookeeper", List.of("cli.daemon.KnowsZooKeeper"));
    found.put("packages of cli do not use each other in a circle", List.of("Slice daemon"));
    found.put("time in cli comes from Env", List.of("cli.daemon.OwnClock.time()"));
    found.put("chance in cli comes from Env", List.of("cli.daemon.OwnClock.chance()"));
    return found;
  }

  private static String part(String module, String layer) {
    String name = Character.toUpperCase(layer.charAt(0)) + layer.substring(1) + "Part";
    return ROOT + "." + module + "." + layer + "." + name;
  }

  private static List<String> methodsOf(String sins) {
    return FIXTURE.get(ROOT + ".core.array." + sins).getMethods().stream()
        .filter(method -> !method.getName().startsWith("lambda$"))
        .map(method -> "<" + method.getFullName() + ">")
        .toList();
  }

  @Test
  void everyRuleHasSomethingToFind() {
    assertThat(rules()).extracting(Rule::name).containsExactlyElementsOf(culprits().keySet());
    assertThat(culprits().values()).noneMatch(List::isEmpty);
  }

  @ParameterizedTest
  @MethodSource("rules")
  void aRuleFindsEveryCulprit(Rule rule) {
    String report =
        String.join("\n", rule.rule().evaluate(FIXTURE).getFailureReport().getDetails());

    assertThat(report).contains(culprits().get(rule.name()));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void aRuleLeavesTheLawfulAlone(Rule rule) {
    var details = rule.rule().evaluate(FIXTURE).getFailureReport().getDetails();

    assertThat(details)
        .noneMatch(line -> line.contains("core.block.Virtues"))
        .noneMatch(line -> line.contains("cli.nbd.Content"))
        .noneMatch(line -> line.contains("dlm.cluster.Await"))
        .noneMatch(line -> line.contains("zookeeper.ZookeeperPart.watcher"));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void aRuleAcceptsPackagesThatAreStillEmpty(Rule rule) {
    var nothing = new ClassFileImporter().importClasses(List.of());

    assertThatCode(() -> rule.check(nothing)).doesNotThrowAnyException();
  }
}
