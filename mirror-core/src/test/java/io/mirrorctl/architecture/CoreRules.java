package io.mirrorctl.architecture;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.google.common.collect.ImmutableList;
import java.nio.channels.AsynchronousServerSocketChannel;
import java.nio.channels.AsynchronousSocketChannel;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.Selector;
import java.util.List;

/** What the engine may use: see the arrows in ARCHITECTURE.md. */
public final class CoreRules {
  /** The packages of the engine; each uses itself and those before it. */
  static final List<String> LAYERS = List.of("env", "block", "format", "bitmap", "array", "resync");

  private CoreRules() {}

  /**
   * The rules of mirror-core.
   *
   * @param root package above {@code core}
   */
  public static List<Rule> under(String root) {
    String core = root + ".core.";
    var rules = ImmutableList.<Rule>builder();
    for (int i = 0; i < LAYERS.size() - 1; i++) {
      String[] higher =
          LAYERS.stream().skip(i + 1).map(l -> core + l + "..").toArray(String[]::new);
      rules.add(
          new Rule(
              "core." + LAYERS.get(i) + " does not use the layers above it",
              noClasses()
                  .that()
                  .resideInAPackage(core + LAYERS.get(i) + "..")
                  .should()
                  .dependOnClassesThat()
                  .resideInAnyPackage(higher)));
    }
    String[] known = LAYERS.stream().map(l -> core + l + "..").toArray(String[]::new);
    return rules
        .add(
            new Rule(
                "every class of core belongs to a layer",
                classes()
                    .that()
                    .resideInAPackage(core + ".")
                    .and()
                    .doNotHaveFullyQualifiedName(core + "LocalMirror")
                    .and()
                    .doNotHaveFullyQualifiedName(core + "Mirror")
                    .should()
                    .resideInAnyPackage(known)))
        .add(noCycles(root, "core"))
        .add(
            new Rule(
                "core uses the JDK and Guava only",
                classes()
                    .that()
                    .resideInAPackage(core + ".")
                    .should()
                    .onlyDependOnClassesThat()
                    .resideInAnyPackage(
                        core + ".",
                        "java..",
                        "com.sun.nio.file", // ExtendedOpenOption, for direct I/O
                        "com.google.common..",
                        "com.google.errorprone.annotations..")))
        .add(
            new Rule(
                "core opens no sockets",
                noClasses()
                    .that()
                    .resideInAPackage(core + ".")
                    .should()
                    .dependOnClassesThat(
                        resideInAPackage("java.net..")
                            .or(assignableTo(NetworkChannel.class))
                            .or(assignableTo(SelectableChannel.class))
                            .or(assignableTo(AsynchronousSocketChannel.class))
                            .or(assignableTo(AsynchronousServerSocketChannel.class))
                            .or(assignableTo(Selector.class)))))
        .add(
            new Rule(
                "only core.block uses channels",
                noClasses()
                    .that()
                    .resideInAPackage(core + ".")
                    .and()
                    .resideOutsideOfPackage(core + "block..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("java.nio.channels..")))
        .add(EnvRules.time(root, "core"))
        .add(EnvRules.parking(root, "core"))
        .add(EnvRules.chance(root, "core"))
        .add(EnvRules.threads(root, "core"))
        .build();
  }

  static Rule noCycles(String root, String module) {
    return new Rule(
        "packages of " + module + " do not use each other in a circle",
        slices().matching(root + "." + module + ".(**)").should().beFreeOfCycles());
  }
}
