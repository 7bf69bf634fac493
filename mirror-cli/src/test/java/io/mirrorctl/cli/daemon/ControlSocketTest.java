package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.cli.nbd.NbdClientTls;
import io.mirrorctl.cli.nbd.NbdTls;
import io.mirrorctl.core.env.Env;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ControlSocketTest {
  @TempDir Path directory;

  private Node node(String name) throws IOException, InterruptedException {
    return Node.start(
        new NodeConfig(
            name,
            socket(),
            List.of(),
            NbdTls.OFF,
            NbdClientTls.DEFAULT,
            Optional.empty(),
            List.of(),
            ScanConfig.NONE),
        Env.system());
  }

  private Path socket() {
    return directory.resolve("run").resolve("node.sock");
  }

  private List<ArraySummary> status() throws IOException, InterruptedException {
    return new NodeClient(socket()).status();
  }

  @Test
  void onlyItsUserMayUseTheSocket() throws IOException, InterruptedException {
    try (var _ = node("n")) {
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket())))
          .isEqualTo("rw-------");
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket().getParent())))
          .isEqualTo("rwx------");
    }
    assertThat(socket()).doesNotExist();
  }

  @Test
  void aSecondNodeOnTheSameSocketIsRefusedAndTheFirstGoesOn()
      throws IOException, InterruptedException {
    try (var _ = node("first")) {
      assertThatThrownBy(() -> node("second")).hasMessageContaining("another node uses it");
      assertThat(status()).isEmpty();
    }
  }

  @Test
  void aSocketNobodyListensAtIsReplaced() throws IOException, InterruptedException {
    Files.createDirectories(socket().getParent());
    try (var dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(socket()));
    }
    assertThat(socket()).exists();

    try (var _ = node("n")) {
      assertThat(status()).isEmpty();
    }
  }

  @Test
  void aFileThatIsNoSocketIsLeftAlone() throws IOException {
    Files.createDirectories(socket().getParent());
    Files.writeString(socket(), "precious");

    assertThatThrownBy(() -> node("n")).hasMessageContaining("not a socket");

    assertThat(socket()).hasContent("precious");
  }

  @Test
  void aPlaceWhereNothingCanBeMadeIsNamed() {
    Path nowhere = Path.of("/proc/mirrorctl/node.sock");

    assertThatThrownBy(() -> ControlSocket.open(nowhere))
        .hasMessageStartingWith("control socket " + nowhere + ": it cannot be made: ")
        .hasMessageEndingWith("with --socket");
  }

  @Test
  void aPathTheKernelCannotTakeIsNamed() {
    Path path = directory.resolve("x".repeat(120));

    assertThatThrownBy(() -> ControlSocket.open(path)).hasMessageContaining("shorter one");
    assertThatThrownBy(() -> new NodeClient(path).status()).hasMessageContaining("shorter one");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{}",
        "[]",
        "null",
        "7",
        "{\"do\":\"dance\"}",
        "{\"do\":\"stop\"}",
        "{\"do\":\"stop\",\"array\":\"../x\"}",
        "{\"do\":\"status\",\"more\":1}",
        "{\"do\":\"detail\",\"array\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]}}",
        "{\"do\":\"assemble\",\"array\":\"m\",\"disks\":[null]}",
        "{\"do\":\"assemble\",\"array\":\"m\",\"disks\":[\"relative\"]}",
        "{\"do\":\"assemble\",\"array\":\"m\"}",
        "{\"do\":\"wait\",\"array\":\"m\",\"until\":\"never\"}",
        "{\"do\":\"grow\",\"array\":\"m\",\"sizeBytes\":-1}",
        "{\"do\":\"status\"} {\"do\":\"status\"}"
      })
  void aRequestThatIsNoneGetsAnAnswerThatSaysSo(String line)
      throws IOException, InterruptedException {
    try (var _ = node("n")) {
      String answer = say(line + "\n");

      NodeReply reply = ControlJson.MAPPER.readValue(answer, NodeReply.class);
      assertThat(reply)
          .isInstanceOfSatisfying(
              NodeReply.Failed.class,
              failed -> {
                assertThat(failed.exit()).isEqualTo(2);
                assertThat(failed.message()).isNotBlank().doesNotContain("Exception");
              });
      assertThat(status()).isEmpty();
    }
  }

  @Test
  void garbageAndSilenceHarmNobody() throws IOException, InterruptedException {
    SplittableRandom random = new SplittableRandom(1);
    try (var _ = node("n")) {
      List<SocketChannel> silent = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        silent.add(SocketChannel.open(UnixDomainSocketAddress.of(socket())));
        byte[] garbage = new byte[random.nextInt(1, 2000)];
        random.nextBytes(garbage);
        sayAndLeave(garbage);
      }
      assertThat(status()).isEmpty();
      for (SocketChannel channel : silent) {
        channel.close();
      }
    }
  }

  @Test
  void aRequestWithoutEndIsCutOff() throws IOException, InterruptedException {
    try (var _ = node("n")) {
      String answer = say("x".repeat(ControlJson.MAX_REQUEST_BYTES));

      assertThat(answer).contains("longer than");
      assertThat(status()).isEmpty();
    }
  }

  @Test
  void aMonitorThatGoesAwayIsForgotten() throws IOException, InterruptedException {
    try (var _ = node("n")) {
      for (int i = 0; i < 3; i++) {
        sayAndLeave("{\"do\":\"monitor\"}\n".getBytes(UTF_8));
      }
      assertThat(status()).isEmpty();
    }
  }

  @Test
  void theDefaultPathIsTheUsersOwn() {
    Path home = Path.of("/home/u");
    assertThat(ControlSocket.defaultPath(Map.of("MIRRORCTL_SOCKET", "/s"), false, home))
        .isEqualTo(Path.of("/s"));
    assertThat(ControlSocket.defaultPath(Map.of("XDG_RUNTIME_DIR", "/run/user/7"), false, home))
        .isEqualTo(Path.of("/run/user/7/mirrorctl/node.sock"));
    assertThat(ControlSocket.defaultPath(Map.of(), true, home))
        .isEqualTo(Path.of("/run/mirrorctl/node.sock"));
    assertThat(ControlSocket.defaultPath(Map.of(), false, home))
        .isEqualTo(Path.of("/home/u/.mirrorctl/node.sock"));
  }

  private String say(String text) throws IOException {
    try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
      channel.write(ByteBuffer.wrap(text.getBytes(UTF_8)));
      return new String(Channels.newInputStream(channel).readAllBytes(), UTF_8);
    }
  }

  private void sayAndLeave(byte[] bytes) throws IOException {
    try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
      channel.write(ByteBuffer.wrap(bytes));
    }
  }
}
