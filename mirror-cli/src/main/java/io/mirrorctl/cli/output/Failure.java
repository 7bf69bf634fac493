package io.mirrorctl.cli.output;

import com.google.common.base.Strings;
import io.mirrorctl.core.array.ArrayException;
import io.mirrorctl.core.block.DeviceException;
import io.mirrorctl.core.block.IoFailure;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine.ParameterException;

/**
 * What an exception means for the user of a command. The one place that turns exceptions into text
 * and exit codes, for commands and for answers of a node.
 *
 * @param text {@code WHAT: WHY; what to do}, one line, without control characters
 */
public record Failure(ExitCode code, String text) {

  public Failure {
    text = PlainText.of(text);
  }

  /** The meaning of any exception. */
  public static Failure of(Throwable e) {
    return switch (e) {
      case CommandException c -> new Failure(c.code(), c.getMessage());
      case ParameterException p -> new Failure(ExitCode.USAGE, p.getMessage());
      case ArrayException a ->
          new Failure(
              a.reason() == ArrayException.Reason.PROTECTED ? ExitCode.PROTECTED : ExitCode.FAILED,
              a.getMessage());
      case DeviceException d -> failed(withAdvice(d.getMessage(), d.failure()));
      case NoSuchFileException f -> failed(f.getFile() + ": no such file or directory");
      case AccessDeniedException f ->
          failed(f.getFile() + ": permission denied; run as a user who may, often root");
      case FileSystemException f ->
          failed(f.getReason() == null ? f.getFile() + " cannot be used" : f.getMessage());
      case InterruptedIOException i -> failed("interrupted" + behind(i));
      case InterruptedException _ -> failed("interrupted");
      case UncheckedIOException u -> of(u.getCause());
      case IOException i -> failed(i.getMessage() == null ? i.toString() : i.getMessage());
      default ->
          failed(
              "internal error: %s; this is a bug, please report it with what --debug prints"
                  .formatted(e));
    };
  }

  private static Failure failed(String text) {
    return new Failure(ExitCode.FAILED, text);
  }

  private static String behind(IOException e) {
    return Strings.isNullOrEmpty(e.getMessage()) ? "" : ": " + e.getMessage();
  }

  /** Some advice where the message gives none. */
  private static String withAdvice(String message, IoFailure failure) {
    if (message.contains(";")) {
      return message;
    }
    if (message.endsWith("No such file or directory")) {
      return message + "; check the name (a file is made with truncate -s SIZE FILE)";
    }
    return switch (failure) {
      case NO_SPACE -> message + "; free some space on the file system below and try again";
      case READ_ONLY -> message + "; run as a user who may write it, often root";
      case MEDIUM -> message + "; the disk is failing there, or its file system is";
      case BUSY -> message + "; stop who uses it first";
      case GONE -> message + "; see whether the disk, or the server it is on, is there";
      case TIMEOUT -> message + "; see whether the disk, or the server it is on, still works";
      case VOLATILE_LOSS, NOT_SUPPORTED, INVALID, CLOSED, OTHER -> message;
    };
  }
}
