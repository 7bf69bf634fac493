package io.mirrorctl.core;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.core.array.ArrayCreation;
import io.mirrorctl.core.block.DeviceAccess;
import io.mirrorctl.core.block.FileDevice;
import io.mirrorctl.core.env.Env;
import io.mirrorctl.core.format.BitmapKind;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows to Java programmers runs, and is what the README shows. */
class ReadmeExampleTest {
  @TempDir private Path directory;

  // example begins
  private static void example(Path a, Path b, PrintStream out) throws IOException {
    try (LocalMirror mirror = LocalMirror.assemble(a, b)) {
      mirror.write(4096, ByteBuffer.wrap("on both disks".getBytes(UTF_8)));
      mirror.flush();
      ByteBuffer back = ByteBuffer.allocate(13);
      mirror.read(4096, back);
      out.println(UTF_8.decode(back.flip()));
    }
  }

  // example ends

  @Test
  void theExampleWritesAndReadsAnArray() throws Exception {
    Path a = disk("a.img");
    Path b = disk("b.img");
    try (FileDevice first = FileDevice.open(a, new DeviceAccess.Exclusive());
        FileDevice second = FileDevice.open(b, new DeviceAccess.Exclusive())) {
      ArrayCreation.plan(
              new ArrayCreation.Request(
                  "any:vol",
                  List.of(first, second),
                  List.of(),
                  List.of(),
                  BitmapKind.INTERNAL,
                  0,
                  "",
                  0,
                  0,
                  true,
                  false),
              Env.system())
          .write();
    }
    var printed = new ByteArrayOutputStream();
    example(a, b, new PrintStream(printed, true, UTF_8));

    assertThat(printed.toString(UTF_8)).isEqualTo("on both disks\n");
  }

  @Test
  void theReadmeShowsExactlyThisExample() throws Exception {
    String readme = Files.readString(Path.of("../README.md"));
    String source =
        Files.readString(Path.of("src/test/java/io/mirrorctl/core/ReadmeExampleTest.java"));
    String body =
        source.substring(
            source.indexOf("    try (LocalMirror"), source.indexOf("  // example ends"));
    String shown =
        body.substring(0, body.lastIndexOf('}'))
            .replaceAll("(?m)^ {4}", "")
            .replace("assemble(a, b)", "assemble(Path.of(\"a.img\"), Path.of(\"b.img\"))")
            .replace("out.println", "System.out.println")
            .stripTrailing();

    assertThat(readme).contains("```java\n" + shown + "\n```");
  }

  private Path disk(String name) throws IOException {
    Path path = directory.resolve(name);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(16 << 20);
    }
    return path;
  }
}
