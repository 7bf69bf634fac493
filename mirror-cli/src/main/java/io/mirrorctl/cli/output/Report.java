package io.mirrorctl.cli.output;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayList;
import java.util.List;

/**
 * What a command found out, independent of how it is printed. A part has a key for programs, a
 * label for people, or both; without the one or the other it is not shown to them.
 *
 * <p>Threading: immutable.
 *
 * @param parts in the order in which they are printed
 */
public record Report(ImmutableList<Part> parts) {

  /** A piece of a report. */
  public sealed interface Part {
    /** The key under which programs find it; empty if it is not for them. */
    String key();
  }

  /**
   * One fact.
   *
   * @param label empty if it is not for people
   * @param value null, Boolean, Integer, Long, Double, String, or a List of such
   * @param text what people read
   */
  public record Field(String key, String label, Object value, String text) implements Part {
    public Field {
      checkArgument(isValue(value), "%s is no value: %s", key, value);
    }

    private static boolean isValue(Object value) {
      return switch (value) {
        case null -> true;
        case Boolean _, Integer _, Long _, Double _, String _ -> true;
        case List<?> list -> list.stream().allMatch(Field::isValue);
        default -> false;
      };
    }
  }

  /** A line of text, for people only. */
  public record Line(String text) implements Part {
    @Override
    public String key() {
      return "";
    }
  }

  /**
   * A report inside the report.
   *
   * @param title stands above it, for people; if empty it is for programs only
   */
  public record Group(String key, String title, Report report) implements Part {}

  /**
   * Reports of one kind.
   *
   * @param table whether people see one line for each, else one below the other
   */
  public record Items(String key, ImmutableList<Report> reports, boolean table) implements Part {}

  public static Builder builder() {
    return new Builder();
  }

  /** Collects the parts of a {@link Report}. */
  public static final class Builder {
    private final ImmutableList.Builder<Part> parts = ImmutableList.builder();

    private Builder() {}

    /** A fact whose value people read as it is. */
    @CanIgnoreReturnValue
    public Builder field(String key, String label, Object value) {
      return field(key, label, value, value == null ? "none" : value.toString());
    }

    /** A fact that people read in other words. */
    @CanIgnoreReturnValue
    public Builder field(String key, String label, Object value, String text) {
      parts.add(new Field(key, label, copyOf(value), text));
      return this;
    }

    private static Object copyOf(Object value) {
      return value instanceof List<?> list ? List.copyOf(new ArrayList<>(list)) : value;
    }

    /** A fact for programs only. */
    @CanIgnoreReturnValue
    public Builder data(String key, Object value) {
      return field(key, "", value, "");
    }

    /** A fact for people only. */
    @CanIgnoreReturnValue
    public Builder text(String label, String text) {
      return field("", label, null, text);
    }

    /** A line for people only. */
    @CanIgnoreReturnValue
    public Builder line(String text) {
      parts.add(new Line(text));
      return this;
    }

    /** A report inside this one. */
    @CanIgnoreReturnValue
    public Builder group(String key, String title, Report report) {
      parts.add(new Group(key, title, report));
      return this;
    }

    /** Reports of one kind, people see them as a table: the labels of the first are its head. */
    @CanIgnoreReturnValue
    public Builder table(String key, List<Report> rows) {
      parts.add(new Items(key, ImmutableList.copyOf(rows), true));
      return this;
    }

    /** Reports of one kind, one below the other. */
    @CanIgnoreReturnValue
    public Builder items(String key, List<Report> reports) {
      parts.add(new Items(key, ImmutableList.copyOf(reports), false));
      return this;
    }

    /** All parts of another report, as if they were this one's. */
    @CanIgnoreReturnValue
    public Builder addAll(Report report) {
      parts.addAll(report.parts());
      return this;
    }

    public Report build() {
      return new Report(parts.build());
    }
  }
}
