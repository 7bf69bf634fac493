package io.mirrorctl.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class FormatTest {
  private static final Report REPORT =
      Report.builder()
          .line("array vol0")
          .field("sizeBytes", "Size", 1024L, "1 KiB")
          .field("clean", "Is it clean", true)
          .data("ranges", List.of(List.of(1L, 2L), List.of(5L, 5L)))
          .text("Hint", "for people")
          .group("bitmap", "Bitmap", Report.builder().field("kind", "Kind", "internal").build())
          .table("members", List.of(member(0, "/dev/a"), member(10, "/dev/b\u0007c")))
          .field("sync", "Sync", null)
          .build();

  private static Report line(String text) {
    return Report.builder().line(text).build();
  }

  private static Report member(int index, String path) {
    return Report.builder().field("index", "Number", index).field("path", "Disk", path).build();
  }

  @Test
  void peopleSeeLabelsLinesAndTables() {
    assertThat(Format.TEXT.render(List.of(REPORT)))
        .isEqualTo(
            """
            array vol0
                   Size : 1 KiB
            Is it clean : true
                   Hint : for people
            Bitmap
              Kind : internal
            Number   Disk
            0        /dev/a
            10       /dev/b\\x07c
                   Sync : none
            """);
  }

  @Test
  void programsSeeKeysAndRawValues() {
    assertThat(Format.JSON.render(List.of(REPORT)).replaceAll("\\s", ""))
        .isEqualTo(
            """
            {"sizeBytes":1024,"clean":true,"ranges":[[1,2],[5,5]],"bitmap":{"kind":"internal"},
            "members":[{"index":0,"path":"/dev/a"},{"index":10,"path":"/dev/b\\u0007c"}],"sync":null}
            """
                .replaceAll("\\s", ""));
  }

  @Test
  void severalReportsAreAnArrayAndOneIsNot() {
    assertThat(Format.JSON.render(List.of(member(1, "a"), member(2, "b")))).startsWith("[");
    assertThat(Format.JSON.render(List.of(member(1, "a")))).startsWith("{");
    assertThat(Format.TEXT.render(List.of(member(1, "a"), member(2, "b")))).contains("\n\n");
    assertThat(Format.TEXT.render(List.of(line("a"), line("b")))).isEqualTo("a\nb\n");
  }

  @Test
  void shellsSeeVariablesTheyCanEvaluate() {
    assertThat(Format.EXPORT.render(List.of(REPORT)))
        .isEqualTo(
            """
            MD_SIZE_BYTES=1024
            MD_CLEAN=true
            MD_RANGES_0_0=1
            MD_RANGES_0_1=2
            MD_RANGES_1_0=5
            MD_RANGES_1_1=5
            MD_BITMAP_KIND=internal
            MD_MEMBERS_0_INDEX=0
            MD_MEMBERS_0_PATH=/dev/a
            MD_MEMBERS_1_INDEX=10
            MD_MEMBERS_1_PATH='/dev/b\\x07c'
            MD_SYNC=
            """);
    var odd = Report.builder().data("name", "it's $(here)").build();
    assertThat(Format.EXPORT.render(List.of(odd))).isEqualTo("MD_NAME='it'\\''s $(here)'\n");
  }

  @Test
  void aStreamOfReportsHasOneLineForEach() {
    assertThat(JsonRenderer.line(member(1, "a\nb"))).isEqualTo("{\"index\":1,\"path\":\"a\\nb\"}");
  }
}
