package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code mirror-cli/bin/mirrorctl} in a checkout that holds nothing else, with a Maven
 * and JDKs that only say what they were asked to do. It runs in a mount namespace of its own, where
 * {@code /usr/lib/jvm} holds the JDKs of the test.
 */
class LauncherIT {
  private static final Path SCRIPT = Path.of("../mirror-cli/bin/mirrorctl");

  @TempDir Path directory;
  private Path checkout;
  private Path script;
  private Path programs;
  private Path jvms;

  @BeforeEach
  void makeACheckout() throws IOException {
    checkout = directory.resolve("checkout");
    for (String module : List.of("mirror-core", "mirror-dlm", "mirror-cli")) {
      Files.createDirectories(checkout.resolve(module).resolve("src/main/java"));
      Files.writeString(checkout.resolve(module).resolve("pom.xml"), "<project/>");
    }
    Files.writeString(checkout.resolve("pom.xml"), "<project/>");
    script = checkout.resolve("mirror-cli/bin/mirrorctl");
    Files.createDirectories(script.getParent());
    Files.copy(SCRIPT, script);
    programs = Files.createDirectory(directory.resolve("programs"));
    jvms = Files.createDirectory(directory.resolve("jvms"));
    for (String name :
        List.of(
            "bash",
            "cat",
            "chmod",
            "cp",
            "env",
            "find",
            "flock",
            "ln",
            "mkdir",
            "mktemp",
            "mv",
            "readlink",
            "rm",
            "sed",
            "head",
            "sleep",
            "touch")) {
      Path program =
          Files.isExecutable(Path.of("/usr/bin", name))
              ? Path.of("/usr/bin", name)
              : Path.of("/bin", name);
      Files.createSymbolicLink(programs.resolve(name), program);
    }
  }

  @AfterEach
  void removeTheLinksToThePrograms() {
    Tool.of("rm", "-r", programs).run(); // JUnit warns of every link that leaves its directory
  }

  @Test
  void theFirstRunBuildsAndTheNextOnesDoNot() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    var first = mirrorctl("status").run();
    var second = mirrorctl("status").run();

    assertThat(builds()).isEqualTo(1);
    assertThat(first.out()).contains("java 25.0.3", "io.mirrorctl.cli.Main status");
    assertThat(second.out()).isEqualTo(first.out());
    assertThat(first.err()).isEmpty();
  }

  @Test
  void aNewerSourceIsBuiltBeforeTheCommandRuns() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();
    mirrorctl("status").run();

    Files.writeString(checkout.resolve("mirror-core/src/main/java/New.java"), "class New {}");
    mirrorctl("status").run();

    assertThat(builds()).isEqualTo(2);
  }

  @Test
  void aShellThatOnlyCompletesAWordIsNotMadeToWaitForABuild() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    var run =
        mirrorctl("completion-words", "arrays").environment("MIRRORCTL_NO_BUILD", 1).runToAnyEnd();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).isEmpty();
    assertThat(directory.resolve("builds")).doesNotExist();
  }

  @Test
  void aBuildThatMavenMadeBeforeIsTaken() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    Path target = Files.createDirectories(checkout.resolve("mirror-cli/target/lib")).getParent();
    Files.writeString(target.resolve("mirror-cli-1.jar"), "made by hand");

    mirrorctl("status").run();

    assertThat(checkout.resolve("mirror-cli/target/run/current/mirror-cli.jar"))
        .hasContent("made by hand");
  }

  @Test
  void manyFirstRunsAtOnceBuildOnce() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    var runs = new ArrayList<CompletableFuture<Tool.Output>>();
    for (int i = 0; i < 6; i++) {
      runs.add(CompletableFuture.supplyAsync(() -> mirrorctl("status").run()));
    }

    assertThat(runs).allSatisfy(run -> assertThat(run.join().out()).contains("Main status"));
    assertThat(builds()).isEqualTo(1);
  }

  @Test
  void aRunningCommandKeepsItsClassesWhileAnotherBuilds() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();
    mirrorctl("status").run();
    Path running = checkout.resolve("mirror-cli/target/run/current").toRealPath();
    var hold = List.of("flock", "--shared", "--close", running.toString(), "sleep", "60");

    try (var command = Background.start(hold, directory.resolve("hold.log"))) {
      command.await(
          "lock", () -> Tool.of("flock", "-n", running, "true").runToAnyEnd().status() != 0);
      change();
      mirrorctl("status").run();
      assertThat(running.resolve("mirror-cli.jar")).exists();
    }
    change();
    mirrorctl("status").run();

    assertThat(running).doesNotExist();
    try (var copies = Files.list(checkout.resolve("mirror-cli/target/run"))) {
      assertThat(copies).hasSize(2); // the newest copy and the link to it
    }
  }

  @Test
  void aFailedBuildShowsWhatMavenSaidAndRunsNothing() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    program(programs.resolve("mvn"), "echo 'Main.java:[5,3] cannot find symbol'; exit 1");

    var output = mirrorctl("status").runToAnyEnd();

    assertThat(output.status()).isEqualTo(1);
    assertThat(output.out()).isEmpty();
    assertThat(output.err()).contains("cannot find symbol", "mirrorctl: the build failed");
  }

  @Test
  void withoutMavenItSaysWhatToInstall() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");

    var output = mirrorctl("status").runToAnyEnd();

    assertThat(output.status()).isEqualTo(1);
    assertThat(output.err()).contains("Maven was not found; install it").hasLineCount(1);
  }

  @Test
  void withoutANewJdkItSaysWhatToInstall() throws IOException {
    jdk(jvms.resolve("jdk-17"), "17.0.15");
    maven();

    var output = mirrorctl("status").runToAnyEnd();

    assertThat(output.status()).isEqualTo(1);
    assertThat(output.err()).contains("no JDK 25 or newer").contains("install one").hasLineCount(1);
  }

  @Test
  void javaHomeComesFirstThenThePathThenTheOldestJdkThatWillDo() throws IOException {
    maven();
    jdk(jvms.resolve("a"), "27");
    jdk(jvms.resolve("b"), "25.0.9");
    jdk(jvms.resolve("c"), "1.8.0_402");
    assertThat(mirrorctl("status").run().out()).contains("java 25.0.9");

    jdk(directory.resolve("path-jdk"), "26.0.1");
    Files.createSymbolicLink(programs.resolve("java"), directory.resolve("path-jdk/bin/java"));
    assertThat(mirrorctl("status").run().out()).contains("java 26.0.1");

    Path home = directory.resolve("home-jdk");
    jdk(home, "28-ea");
    assertThat(mirrorctl("status").environment("JAVA_HOME", home).run().out())
        .contains("java 28-ea");

    jdk(directory.resolve("old-jdk"), "21.0.1");
    assertThat(
            mirrorctl("status").environment("JAVA_HOME", directory.resolve("old-jdk")).run().out())
        .contains("java 26.0.1");
  }

  @Test
  void mavenRunsOnTheJdkThatWasFound() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    mirrorctl("status").environment("JAVA_HOME", "/usr/lib/jvm/jdk-17").run();

    assertThat(Files.readString(directory.resolve("builds"))).contains("/usr/lib/jvm/jdk-25");
  }

  @Test
  void aLinkToTheScriptIsAsGoodAsTheScript() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();
    Path link = Files.createSymbolicLink(directory.resolve("mc"), script);

    assertThat(start(link, "status").run().out()).contains("Main status");
  }

  @Test
  void argumentsArriveAsTheyAre() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    assertThat(mirrorctl("create", "a b", "", "*").run().out()).contains("<create><a b><><*>");
  }

  @Test
  void shortCommandsStartFastAndServersTakeTheUsersOptions() throws IOException {
    jdk(jvms.resolve("jdk-25"), "25.0.3");
    maven();

    assertThat(mirrorctl("status").environment("MIRRORCTL_JAVA_OPTS", "-Xmx9g").run().out())
        .contains("-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED")
        .contains("-XX:+AutoCreateSharedArchive")
        .doesNotContain("-Xmx9g");
    assertThat(mirrorctl("node").environment("MIRRORCTL_JAVA_OPTS", "-Xmx9g -Xss2m").run().out())
        .contains("-Xmx9g -Xss2m", "--enable-native-access=ALL-UNNAMED")
        .contains("-XX:+ExitOnOutOfMemoryError")
        .doesNotContain("TieredStopAtLevel");
  }

  private Tool mirrorctl(Object... arguments) {
    return start(script, arguments);
  }

  private Tool start(Path program, Object... arguments) {
    var command = new ArrayList<Object>(List.of("unshare", "--mount", "sh", "-c"));
    command.add(
        "mkdir -p /usr/lib/jvm && mount --bind \"$JVMS\" /usr/lib/jvm && PATH=$PROGRAMS exec \"$@\"");
    command.add("sh");
    command.add(program);
    command.addAll(List.of(arguments));
    return Tool.of(command)
        .environment("JVMS", jvms)
        .environment("PROGRAMS", programs)
        .environment("JAVA_HOME", "")
        .environment("MIRRORCTL_JAVA_OPTS", "");
  }

  private void jdk(Path home, String version) throws IOException {
    Files.createDirectories(home.resolve("bin"));
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"%s\"\n".formatted(version));
    program(
        home.resolve("bin/java"),
        "echo java %s \"$@\"; while [ $1 != io.mirrorctl.cli.Main ]; do shift; done; shift; printf '<%%s>' \"$@\""
            .formatted(version));
    program(home.resolve("bin/javac"), "exit 1");
  }

  private void maven() throws IOException {
    program(
        programs.resolve("mvn"),
        """
        echo "$JAVA_HOME" >>%s
        sleep 0.2
        mkdir -p mirror-cli/target/lib
        touch mirror-cli/target/lib/guava.jar
        [ -e mirror-cli/target/mirror-cli-1.jar ] || echo jar >mirror-cli/target/mirror-cli-1.jar\
        """
            .formatted(directory.resolve("builds")));
  }

  private void change() throws IOException {
    Files.writeString(checkout.resolve("mirror-core/pom.xml"), "<project><changed/></project>");
  }

  private long builds() throws IOException {
    return Files.readAllLines(directory.resolve("builds")).size();
  }

  private static void program(Path file, String text) throws IOException {
    Files.writeString(file, "#!/bin/bash\n" + text + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }
}
