package io.mirrorctl.cli.command;

import io.mirrorctl.cli.daemon.ArrayLocks;
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
