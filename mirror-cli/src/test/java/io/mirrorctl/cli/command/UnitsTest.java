package io.mirrorctl.cli.command;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.common.collect.ArrayListMultimap;
import com.google.common.collect.ListMultimap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The units of systemd under {@code packaging}. */
class UnitsTest {
  private static final Path UNITS = Path.of("..", "packaging", "systemd");
  private static final Path PROGRAM = Path.of("/usr/bin/systemd-analyze");

  @TempDir Path directory;

  private static ListMultimap<String, String> settings(String unit) throws IOException {
    ListMultimap<String, String> settings = ArrayListMultimap.create();
    for (String line : Files.readAllLines(UNITS.resolve(unit))) {
      if (!line.isEmpty() && !line.startsWith("#") && !line.startsWith("[")) {
        settings.put(line.substring(0, line.indexOf('=')), line.substring(line.indexOf('=') + 1));
      }
    }
    return settings;
  }

  @ParameterizedTest
  @ValueSource(strings = {"mirrorctl@", "mirrorctl-disk@"})
  void systemdFindsNothingWrong(String unit) throws IOException, InterruptedException {
    assumeThat(Files.isExecutable(PROGRAM)).as(PROGRAM + " is there").isTrue();
    String text =
        Files.readString(UNITS.resolve(unit + ".service"))
            .replace("/usr/bin/mirrorctl", "/bin/true"); // which must be there
    Path file = Files.writeString(directory.resolve(unit + "x.service"), text);

    Process check =
        new ProcessBuilder(PROGRAM.toString(), "verify", "--man=no", file.toString())
            .redirectErrorStream(true)
            .start();

    assertThat(new String(check.getInputStream().readAllBytes(), UTF_8)).isEmpty();
    assertThat(check.waitFor()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mirrorctl@", "mirrorctl-disk@"})
  void noSettingKeepsDisksAway(String unit) throws IOException {
    assertThat(settings(unit + ".service").keySet())
        .contains("ProtectSystem", "Restart", "LimitNOFILE")
        .doesNotContain(
            "PrivateDevices",
            "DevicePolicy",
            "DeviceAllow",
            "ProtectClock", // allows one device, and so no other
            "ProtectHome",
            "PrivateTmp",
            "MemoryDenyWriteExecute"); // a JVM cannot live with that
  }

  @Test
  void theCommandsAreOnesThatThereAre() throws IOException {
    String node = settings("mirrorctl@.service").get("ExecStart").getFirst();
    String disk = settings("mirrorctl-disk@.service").get("ExecStart").getFirst();

    assertThat(node).isEqualTo("/usr/bin/mirrorctl node --config /etc/mirrorctl/%i.yaml");
    assertThat(disk).isEqualTo("/usr/bin/mirrorctl serve-disk ${DISK} $OPTIONS");
    assertThat(Cli.run("node", "--config", "/nonexistent/n1.yaml").err())
        .contains("/nonexistent/n1.yaml: no such file");
    assertThat(
            Mirrorctl.commandLine()
                .parseArgs("serve-disk", "/dev/sdb", "--nbd", ":10810")
                .hasSubcommand())
        .isTrue();
  }

  @Test
  void aWrongConfigurationIsNotTriedAgain() throws IOException {
    List<String> codes = settings("mirrorctl@.service").get("RestartPreventExitStatus");

    assertThat(codes).containsExactly("2 4");
    Path config = Files.writeString(directory.resolve("node.yaml"), "nmae: n1\n");
    assertThat(Cli.run("node", "--config", config).code()).isEqualTo(2);
  }
}
