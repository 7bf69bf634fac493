package io.mirrorctl.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.base.Splitter;
import io.mirrorctl.cli.command.Mirrorctl;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What create writes, in the eyes of mdadm and of the kernel. */
class CreateIT {
  private static final Splitter WORDS = Splitter.on(' ').omitEmptyStrings();

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--assume-clean",
        "--bitmap=none",
        "--bitmap-chunk=64K --size=20M",
        "--cluster=lab",
        "--cluster=lab --nodes=2 --bitmap-chunk=4K",
        "--cluster=lab --nodes=16 --assume-clean"
      })
  void mdadmReadsEveryMember(String options) throws IOException {
    List<Path> disks = List.of(disk("a"), disk("b"), disk("c"));
    create(options, disks.get(0), disks.get(1), "--spare", disks.get(2));

    for (Path disk : disks) {
      Map<String, String> mdadms = fields(Tool.of("mdadm", "--examine", disk).run().out());
      Map<String, String> ours = fields(run("examine", disk));

      assertThat(mdadms.get("Checksum")).endsWith(" - correct");
      for (String label :
          List.of(
              "Magic",
              "Version",
              "Feature Map",
              "Array UUID",
              "Creation Time",
              "Raid Level",
              "Raid Devices",
              "Data Offset",
              "Super Offset",
              "State",
              "Device UUID",
              "Update Time",
              "Checksum",
              "Events",
              "Device Role",
              "Array State")) {
        assertThat(ours.get(label)).as(label).isEqualTo(mdadms.get(label));
      }
      assertThat(mdadms.get("Name")).startsWith(ours.get("Name"));
      assertThat(mdadms.get("Cluster Name")).isEqualTo(ours.get("Cluster Name"));
      assertThat(mdadms.get("Internal Bitmap")).isEqualTo(ours.get("Internal Bitmap"));
      assertThat(mdadms.get("Bad Block Log")).isEqualTo(ours.get("Bad Block Log"));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "--assume-clean",
        "--cluster=lab",
        "--cluster=lab --nodes=3 --bitmap-chunk=64K --assume-clean"
      })
  void mdadmReadsEverySlotOfTheBitmap(String options) throws IOException {
    Path first = disk("a");
    create(options, first, disk("b"));

    try (var loop = LoopDevice.attach(first)) {
      var mdadms = Tool.of("mdadm", "-X", loop.path()).run().out();
      var ours = run("examine-bitmap", first);

      for (String label :
          List.of(
              "Magic",
              "Version",
              "UUID",
              "Cluster nodes",
              "Cluster name",
              "Node Slot",
              "Events",
              "Events Cleared",
              "State",
              "Bitmap",
              "Daemon",
              "Write Mode")) {
        assertThat(values(ours, label)).as(label).isEqualTo(values(mdadms, label));
      }
      assertThat(values(mdadms, "Bitmap")).isNotEmpty();
    }
  }

  @Test
  void theKernelResyncsAClusteredArray() throws IOException {
    assertThat(kernelOn("--cluster=lab --bitmap-chunk=64K"))
        .containsEntry("clustered", "yes")
        .containsEntry("assemble_rc", "0")
        .containsEntry("degraded", "0")
        .containsEntry("mismatch_cnt", "0");
  }

  @ParameterizedTest
  @Tag("nightly")
  @ValueSource(
      strings = {
        "",
        "--assume-clean",
        "--bitmap=none",
        "--bitmap=none --assume-clean",
        "--bitmap-chunk=4K --size=20M",
        "--cluster=lab --assume-clean",
        "--cluster=lab --nodes=2 --bitmap-chunk=4K",
        "--cluster=lab --nodes=16"
      })
  void theKernelAcceptsEveryShape(String options) throws IOException {
    assertThat(kernelOn(options))
        .containsEntry("clustered", options.contains("--cluster") ? "yes" : "no")
        .containsEntry("assemble_rc", "0")
        .containsEntry("degraded", "0")
        .containsEntry("mismatch_cnt", "0");
  }

  /** What the kernel makes of an array whose members differ, unless they are assumed clean. */
  private Map<String, String> kernelOn(String options) throws IOException {
    Path first = disk("a");
    Path second = disk("b");
    if (!options.contains("--assume-clean")) {
      try (var data = new RandomAccessFile(second.toFile(), "rw")) {
        data.seek(10 << 20);
        data.write(new byte[] {1, 2, 3});
      }
    }
    create(options, first, second);
    return KernelCheck.of(first, second).run();
  }

  private Path disk(String name) throws IOException {
    Path file = directory.resolve(name);
    try (var made = new RandomAccessFile(file.toFile(), "rw")) {
      made.setLength(32 << 20);
    }
    return file;
  }

  private static void create(String options, Object... disks) {
    var arguments = new ArrayList<Object>(List.of("create", "vol0"));
    arguments.addAll(List.of(disks));
    arguments.addAll(WORDS.splitToList(options));
    run(arguments.toArray());
  }

  private static String run(Object... arguments) {
    var out = new StringWriter();
    var err = new StringWriter();
    String[] texts = new String[arguments.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = arguments[i].toString();
    }
    int code =
        Mirrorctl.commandLine()
            .setOut(new PrintWriter(out))
            .setErr(new PrintWriter(err))
            .execute(texts);
    assertThat(code).as(err.toString()).isZero();
    return out.toString();
  }

  private static Map<String, String> fields(String text) {
    var fields = new TreeMap<String, String>();
    text.lines()
        .filter(line -> line.contains(" : "))
        .forEach(line -> {
          int colon = line.indexOf(" : ");
          fields.put(line.substring(0, colon).strip(), line.substring(colon + 3).strip());
        });
    return fields;
  }

  /** All values of a label, in their order. */
  private static List<String> values(String text, String label) {
    return text.lines()
        .map(String::strip)
        .filter(line -> line.startsWith(label + " : "))
        .map(line -> line.substring(label.length() + 3).strip())
        .toList();
  }
}
