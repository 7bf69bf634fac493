package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NbdUriTest {
  private static NbdUri tcp(String host, int port, String export) {
    return new NbdUri(false, new NbdAddress.Tcp(host, port), export, Optional.empty());
  }

  @Test
  void tcpNamesAHostAPortAndAnExport() {
    assertThat(NbdUri.parse("nbd://example.com:10810/disk"))
        .isEqualTo(tcp("example.com", 10_810, "disk"));
    assertThat(NbdUri.parse("NBD://example.com")).isEqualTo(tcp("example.com", 10_809, ""));
    assertThat(NbdUri.parse("nbd://example.com/")).isEqualTo(tcp("example.com", 10_809, ""));
    assertThat(NbdUri.parse("nbd://example.com:/x")).isEqualTo(tcp("example.com", 10_809, "x"));
    assertThat(NbdUri.parse("nbd://under_score:1/x")).isEqualTo(tcp("under_score", 1, "x"));
    assertThat(NbdUri.parse("nbds://h/x").tls()).isTrue();
  }

  @Test
  void addressesOfIpv6StandInBrackets() {
    assertThat(NbdUri.parse("nbd://[::1]/x")).isEqualTo(tcp("::1", 10_809, "x"));
    assertThat(NbdUri.parse("nbd://[fe80::1]:9/x")).isEqualTo(tcp("fe80::1", 9, "x"));
    assertThat(NbdUri.parse("nbd://[fe80::1%25eth0]:9/x")).isEqualTo(tcp("fe80::1%eth0", 9, "x"));
  }

  @Test
  void exportNamesAreFreeText() {
    assertThat(NbdUri.parse("nbd://h//disk").export()).isEqualTo("/disk");
    assertThat(NbdUri.parse("nbd://h/a/b+c").export()).isEqualTo("a/b+c");
    assertThat(NbdUri.parse("nbd://h/hello%20w%C3%B6rld%2F%23%3f").export())
        .isEqualTo("hello wörld/#?");
    assertThat(NbdUri.parse("nbd://h/wörld").export()).isEqualTo("wörld");
  }

  @Test
  void unixNamesASocket() {
    assertThat(NbdUri.parse("nbd+unix:///disk?socket=/run/a%20b.sock"))
        .isEqualTo(
            new NbdUri(
                false, new NbdAddress.Unix(Path.of("/run/a b.sock")), "disk", Optional.empty()));
    assertThat(NbdUri.parse("nbds+unix:///?socket=rel.sock&tls-hostname=me&x-mine=1"))
        .isEqualTo(
            new NbdUri(true, new NbdAddress.Unix(Path.of("rel.sock")), "", Optional.of("me")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nbd://example.com/disk",
        "nbds://example.com:1/a%20b?tls-hostname=other",
        "nbd://[fe80::1%25eth0]:99/x",
        "nbd://h//a%3Fb%23c%25",
        "nbd+unix:///?socket=/run/x.sock",
        "nbds+unix:///disk%201?socket=/run/%C3%A4%26.sock&tls-hostname=a.b"
      })
  void whatIsWrittenOutIsReadBack(String text) {
    assertThat(NbdUri.parse(text)).hasToString(text);
    assertThat(NbdUri.parse(NbdUri.parse(text).toString())).isEqualTo(NbdUri.parse(text));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "http://h/x|the scheme must be nbd",
        "/dev/sda|the scheme must be nbd",
        "nbd:h:10809|\"//\" must follow",
        "nbd:/h|\"//\" must follow",
        "nbd:///x|the host is missing",
        "nbd://|at character",
        "nbd://:10809/x|the host is missing",
        "nbd://me@h/x|user names are not supported",
        "nbd://h:0/x|the port \"0\" is not",
        "nbd://h:65536/x|the port \"65536\" is not",
        "nbd://h:99999999999/x|is not a number from 1 to 65535",
        "nbd://h:10x/y|the port \"10x\" is not",
        "nbd://[::1/x|at character",
        "nbd://h/%zz|at character",
        "nbd://h/a b|at character",
        "nbd://h/%ff|is not UTF-8",
        "nbd://h/a%00b|contains a NUL",
        "nbd://h/x#y|write %23",
        "nbd://h/x?socket=/s|needs the scheme nbd+unix",
        "nbd://h/x?frob=1|unknown parameter \"frob\"",
        "nbd+unix:///x|socket=PATH is missing",
        "nbd+unix:///x?socket=|socket=PATH is missing",
        "nbd+unix://h/x?socket=/s|has no host",
        "nbd+unix:///x?socket=/s&socket=/t|given twice",
        "nbd+unix:///x?socket=%00abstract|abstract namespace",
        "nbd+unix:///x?socket=/a%00b|is not a path",
        "nbd://h/x?tls-hostname=h|needs the scheme nbds",
        "nbds://h/x?tls-type=psk|the only tls-type",
        "nbds://h/x?tls-verify-peer=0|always verified",
        "nbds://h/x?tls-hostname=|tls-hostname is empty"
      })
  void mistakesAreNamed(String text, String words) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NbdUri.parse(text))
        .withMessageStartingWith("not an NBD disk: " + text + ": ")
        .withMessageContaining(words);
  }

  @Test
  void anEndlessExportNameIsRefused() {
    assertThat(NbdUri.parse("nbd://h/" + "x".repeat(4096)).export()).hasSize(4096);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NbdUri.parse("nbd://h/" + "ö".repeat(2049)))
        .withMessageContaining("longer than 4096 bytes");
  }

  @Test
  void aFileIsNotMistakenForAServer() {
    assertThat(NbdUri.looksLike("nbd://h/x")).isTrue();
    assertThat(NbdUri.looksLike("NBDS+unix:///x?socket=s")).isTrue();
    assertThat(NbdUri.looksLike("/dev/nbd0")).isFalse();
    assertThat(NbdUri.looksLike("nbd")).isFalse();
    assertThat(NbdUri.looksLike("file://x")).isFalse();
  }
}
