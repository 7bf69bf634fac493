package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The other end of the socket is a small Python program, as Java has no datagrams there. */
@Timeout(60)
class ServiceNoticeTest {
  private static final Path PYTHON = Path.of("/usr/bin/python3");
  private static final String MANAGER =
      """
      import socket, sys
      name = sys.argv[1]
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      s.bind('\\0' + name[1:] if name.startswith('@') else name)
      print('listening', flush=True)
      while True:
          print(s.recv(4096).decode().replace('\\n', '|'), flush=True)
      """;

  @TempDir Path directory;
  private Process manager;
  private BufferedReader heard;

  @AfterEach
  void stop() {
    if (manager != null) {
      manager.destroyForcibly();
    }
  }

  private ServiceNotice listen(String name) throws IOException {
    assumeThat(Files.isExecutable(PYTHON)).as(PYTHON + " is there").isTrue();
    manager = new ProcessBuilder(PYTHON.toString(), "-c", MANAGER, name).start();
    heard = manager.inputReader(UTF_8);
    assertThat(heard.readLine()).isEqualTo("listening");
    return new ServiceNotice(Optional.of(name));
  }

  @Test
  void theManagerHearsThatTheProcessServesAndThatItEnds() throws IOException {
    ServiceNotice notice = listen(directory.resolve("notify").toString());

    notice.ready("ready name=n1\nREADY=0");
    notice.stopping();

    assertThat(heard.readLine())
        .startsWith("READY=1|STATUS=ready name=n1")
        .doesNotContain("|READY");
    assertThat(heard.readLine()).isEqualTo("STOPPING=1");
  }

  @Test
  void aSocketMayHaveAnAbstractName() throws IOException {
    listen("@mirrorctl-test-" + ProcessHandle.current().pid()).stopping();

    assertThat(heard.readLine()).isEqualTo("STOPPING=1");
  }

  @Test
  void whoCannotBeToldChangesNothing() {
    assertThatCode(
            () -> {
              new ServiceNotice(Optional.empty()).ready("x");
              new ServiceNotice(Optional.of(directory.resolve("nobody").toString())).ready("x");
              new ServiceNotice(Optional.of("vsock:2:1")).ready("x");
              new ServiceNotice(Optional.of("/" + "x".repeat(200))).stopping();
            })
        .doesNotThrowAnyException();
  }
}
