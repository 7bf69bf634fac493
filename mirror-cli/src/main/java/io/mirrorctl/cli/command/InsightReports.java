package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayLocks;
import io.mirrorctl.cli.daemon.Waiter;
import io.mirrorctl.cli.output.Console;
import io.mirrorctl.cli.output.Report;
import io.mirrorctl.cli.output.TimeSpan;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Who has what and who waits for whom, as reports. */
final class InsightReports {
  private InsightReports() {}

  /** The locks of shared arrays. */
  static Report locks(List<ArrayLocks> arrays) {
    Report.Builder report = Report.builder();
    if (arrays.isEmpty()) {
      report.line("no shared arrays");
    }
    return report.items("arrays", arrays.stream().map(InsightReports::locks).toList()).build();
  }

  private static Report locks(ArrayLocks array) {
    return Report.builder()
        .line("%s, generation %d".formatted(array.name(), array.generation()))
        .data("name", array.name())
        .data("lockspace", array.lockspace())
        .data("generation", array.generation())
        .table("locks", array.locks().stream().map(InsightReports::lock).toList())
        .build();
  }

  private static Report lock(ArrayLocks.Entry lock) {
    return Report.builder()
        .field("resource", "Resource", lock.resource())
        .field("slot", "Slot", lock.slot())
        .field("node", "Node", lock.node().orElse(null), lock.node().orElse("?"))
        .field("state", "State", lock.state())
        .field("granted", "Has", lock.granted().orElse(null), lock.granted().orElse("-"))
        .field("requested", "Wants", lock.requested().orElse(null), lock.requested().orElse("-"))
        .field("place", "Place", value(lock.place()), text(lock.place()))
        .field("valueValid", "Value", lock.valueValid(), lock.valueValid() ? "valid" : "lost")
        .field("waitMillis", "Waits", value(lock.waitMillis()), text(lock.waitMillis()))
        .field(
            "heldAtLeastMillis",
            "Held at least",
            value(lock.heldAtLeastMillis()),
            text(lock.heldAtLeastMillis()))
        .field(
            "behind",
            "Behind",
            lock.behind(),
            lock.behind().isEmpty() ? "-" : String.join(", ", lock.behind()))
        .build();
  }

  /** Who waits for whom. */
  static Report why(Console console, List<Waiter> waiters) {
    Report.Builder report = Report.builder();
    if (!console.isForPeople()) {
      return report.items("waits", waiters.stream().map(InsightReports::waiter).toList()).build();
    }
    if (waiters.isEmpty()) {
      report.line("nothing waits");
    }
    waiters.forEach(
        waiter -> addLines(waiter, "", waiter.array().map(name -> name + ": ").orElse(""), report));
    return report.build();
  }

  private static Report waiter(Waiter waiter) {
    return Report.builder()
        .data("array", waiter.array().orElse(null))
        .data("who", waiter.who())
        .data("what", waiter.what())
        .data("by", waiter.by().orElse(null))
        .data("millis", value(waiter.millis()))
        .data("atLeast", waiter.atLeast())
        .data("advice", waiter.advice().orElse(null))
        .items("because", waiter.because().stream().map(InsightReports::waiter).toList())
        .build();
  }

  private static void addLines(Waiter waiter, String indent, String lead, Report.Builder to) {
    String by =
        waiter
            .by()
            .filter(holder -> !waiter.what().contains(holder))
            .map(", by "::concat)
            .orElse("");
    String time =
        waiter.millis().isEmpty()
            ? ""
            : ", for %s%s"
                .formatted(
                    waiter.atLeast() ? "at least " : "",
                    TimeSpan.text(waiter.millis().getAsLong()));
    to.line(
        "%s%s%s waits for %s%s%s".formatted(indent, lead, waiter.who(), waiter.what(), by, time));
    waiter.advice().ifPresent(advice -> to.line("%s  (%s)".formatted(indent, advice)));
    waiter.because().forEach(reason -> addLines(reason, indent + "  ", "as ", to));
  }

  private static Integer value(OptionalInt number) {
    return number.isPresent() ? number.getAsInt() : null;
  }

  private static Long value(OptionalLong number) {
    return number.isPresent() ? number.getAsLong() : null;
  }

  private static String text(OptionalInt number) {
    return number.isPresent() ? Integer.toString(number.getAsInt()) : "-";
  }

  private static String text(OptionalLong millis) {
    return millis.isPresent() ? TimeSpan.text(millis.getAsLong()) : "-";
  }
}
