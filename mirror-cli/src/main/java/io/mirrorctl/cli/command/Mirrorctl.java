package io.mirrorctl.cli.command;

import io.mirrorctl.cli.output.ByteSize;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.cli.output.Failure;
import io.mirrorctl.cli.output.Format;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code mirrorctl}: options of all commands, and what happens when one fails. */
@Command(
    name = "mirrorctl",
    description = "A RAID1 mirror in user space, on disks that Linux md can read.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DemoCommand.class,
      CreateCommand.class,
      ExamineCommand.class,
      ExamineBitmapCommand.class,
      ZeroSuperblockCommand.class,
      CompareCommand.class,
      NodeCommand.class,
      ServeDiskCommand.class,
      AssembleCommand.class,
      StopCommand.class,
      DetailCommand.class,
      StatusCommand.class,
      AddCommand.class,
      ConfirmCommand.class,
      FailCommand.class,
      RemoveCommand.class,
      ReAddCommand.class,
      ReplaceCommand.class,
      GrowCommand.class,
      CheckCommand.class,
      RepairCommand.class,
      SyncCommand.class,
      WaitCommand.class,
      MonitorCommand.class,
      MembersCommand.class,
      LocksCommand.class,
      WhyCommand.class,
      EjectCommand.class,
      LeaveCommand.class,
      RegroupCommand.class,
      HelpCommand.class,
      CompletionCommand.class,
      CompletionWordsCommand.class,
    },
    versionProvider = Mirrorctl.Version.class,
    mixinStandardHelpOptions = true,
    usageHelpAutoWidth = true,
    scope = ScopeType.INHERIT,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:failed, or differences found",
      "2:the command line is wrong",
      "3:no node can be reached",
      "4:refused to protect data"
    },
    footer = {
      "",
      "mirrorctl help TOPIC explains bitmaps, slots, fencing and more; mirrorctl help lists all topics."
    })
public final class Mirrorctl implements Callable<Integer> {
  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Log more, and on an error print where it arose.")
  private boolean debug;

  @Option(names = "--json", scope = ScopeType.INHERIT, description = "Print JSON, for programs.")
  private boolean json;

  @Option(
      names = "--export",
      scope = ScopeType.INHERIT,
      description = "Print MD_KEY=value, for shells.")
  private boolean export;

  @Spec private CommandSpec spec;

  private Mirrorctl() {}

  /** The command line with all commands, ready to be executed. */
  public static CommandLine commandLine() {
    var root = new Mirrorctl();
    var commandLine = new CommandLine(root);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.registerConverter(ByteSize.class, ByteSize::parse);
    commandLine.setParameterExceptionHandler((e, _) -> root.misused(e));
    commandLine.setExecutionExceptionHandler((e, failed, _) -> root.failed(e, failed));
    commandLine.setExecutionStrategy(parsed -> {
      if (root.debug) {
        System.setProperty("mirrorctl.log", "debug"); // before the first logger is made
      }
      return new CommandLine.RunLast().execute(parsed);
    });
    return commandLine;
  }

  @Override
  public Integer call() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  Console console(CommandLine commandLine) {
    Format format = json ? Format.JSON : export ? Format.EXPORT : Format.TEXT;
    return new Console(
        commandLine.getOut(), commandLine.getErr(), format, Console.standardErrorIsTerminal());
  }

  private int misused(ParameterException e) {
    CommandLine at = e.getCommandLine();
    String help = at.getCommandSpec().qualifiedName() + " --help";
    console(at)
        .fail(
            new Failure(
                ExitCode.USAGE,
                "%s; see %s".formatted(e.getMessage().replaceFirst("^Error: ", ""), help)));
    return ExitCode.USAGE.code();
  }

  private int failed(Exception e, CommandLine at) {
    if (e instanceof ParameterException p) {
      return misused(p);
    }
    Failure failure = Failure.of(e);
    console(at).fail(failure);
    if (debug) {
      e.printStackTrace(at.getErr());
    }
    return failure.code().code();
  }

  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String built = Mirrorctl.class.getPackage().getImplementationVersion();
      return new String[] {"mirrorctl " + (built == null ? "of no release" : built)};
    }
  }
}
