package io.mirrorctl.core.block;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** Another process of this program that claims a device and holds it. */
final class ClaimHolder implements Closeable {
  private final Process process;
  private final String answer;

  private ClaimHolder(Process process, String answer) {
    this.process = process;
    this.answer = answer;
  }

  /**
   * Starts the process and waits for its answer.
   *
   * @param cluster empty to claim exclusively
   */
  static ClaimHolder start(Path device, String cluster) throws IOException {
    List<String> command =
        List.of(
            ProcessHandle.current().info().command().orElseThrow(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            ClaimHolder.class.getName(),
            device.toString(),
            cluster);
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    var output =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    return new ClaimHolder(process, output.readLine());
  }

  /** {@code held}, or why it was refused. */
  String answer() {
    return answer;
  }

  long pid() {
    return process.pid();
  }

  /** Kills the process as SIGKILL does. */
  @Override
  public void close() {
    process.destroyForcibly().onExit().join();
  }

  /** The other process. */
  public static void main(String[] arguments) throws IOException {
    DeviceAccess access =
        arguments[1].isEmpty()
            ? new DeviceAccess.Exclusive()
            : new DeviceAccess.SharedBy(arguments[1]);
    try (var _ = FileDevice.open(Path.of(arguments[0]), access)) {
      System.out.println("held");
      System.in.read(); // until the parent closes it, or dies
    } catch (DeviceException e) {
      System.out.println(e.failure() + " " + e.getMessage());
    }
  }
}
