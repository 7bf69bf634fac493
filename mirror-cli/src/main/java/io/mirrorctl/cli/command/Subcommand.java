package io.mirrorctl.cli.command;

import com.google.errorprone.annotations.FormatMethod;
import com.google.errorprone.annotations.FormatString;
import io.mirrorctl.cli.daemon.Disks;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** A command below {@code mirrorctl}. */
abstract class Subcommand implements Callable<Integer> {
  @ParentCommand private Mirrorctl root;
  @Spec private CommandSpec spec;

  @Override
  public final Integer call() throws IOException, InterruptedException {
    return run(root.console(spec.commandLine())).code();
  }

  /** The command as picocli knows it. */
  final CommandSpec spec() {
    return spec;
  }

  /** Does the work. */
  abstract ExitCode run(Console console) throws IOException, InterruptedException;

  /** What is wrong with the command line. */
  @FormatMethod
  final ParameterException usage(@FormatString String text, Object... arguments) {
    return new ParameterException(spec.commandLine(), text.formatted(arguments));
  }

  /** The disk as every command and node names it. */
  final String disk(String typed) {
    try {
      return Disks.name(typed);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** The disks as every command and node names them. */
  final List<String> disks(List<String> typed) {
    return typed.stream().map(this::disk).toList();
  }

  /** As {@link #disks}; refuses a disk that is named twice, by whatever path. */
  final List<String> distinctDisks(List<String> typed) {
    List<String> names = disks(typed);
    for (int i = 0; i < names.size(); i++) {
      for (int j = 0; j < i; j++) {
        if (isSameDisk(names.get(i), names.get(j))) {
          throw usage("%s and %s are the same disk", typed.get(j), typed.get(i));
        }
      }
    }
    return names;
  }

  private static boolean isSameDisk(String a, String b) {
    try {
      return a.equals(b) || Files.isSameFile(Path.of(a), Path.of(b));
    } catch (IOException | InvalidPathException e) {
      return false; // opening them will tell more
    }
  }
}
