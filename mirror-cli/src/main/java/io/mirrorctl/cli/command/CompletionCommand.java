package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "completion",
    description = {
      "Print a script that completes mirrorctl's commands and options in a shell, and the names of"
          + " arrays, their disks and nodes, for which it asks the node."
    },
    footer = {
      "",
      "bash: source <(mirrorctl completion bash)",
      "zsh:  source <(mirrorctl completion zsh)"
    })
final class CompletionCommand extends Subcommand {
  /** The shells there is a script for. */
  enum Shell {
    bash,
    zsh
  }

  @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}")
  private Shell shell;

  @Override
  ExitCode run(Console console) throws IOException {
    if (shell == Shell.zsh) {
      console.out().print("autoload -U +X compinit && compinit\n");
    }
    console.out().print(new CompletionScript(Mirrorctl.commandLine()).text());
    console.out().flush();
    return ExitCode.DONE;
  }
}
