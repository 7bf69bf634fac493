package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.store.Bytes;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a member says of itself in its own ephemeral entry, and others after an ejection:
 * docs/formats/membership.md.
 *
 * @param poison who ejected it and why; empty as long as nobody did
 */
record MemberRecord(
    Incarnation id,
    long timeoutMillis,
    SortedMap<String, String> parameters,
    Optional<String> poison) {
  private static final int VERSION = 1;
  private static final String KIND = "mirrorctl-member";

  Bytes encode() {
    var text = new StringBuilder();
    text.append(KIND).append(' ').append(VERSION).append('\n');
    text.append("id ").append(Lines.text(id)).append('\n');
    text.append("session-timeout-millis ").append(timeoutMillis).append('\n');
    text.append("lease-millis ").append(Member.leaseLength(timeoutMillis).toMillis()).append('\n');
    parameters.forEach((key, value) ->
        text.append("parameter ").append(key).append(' ').append(value).append('\n'));
    poison.ifPresent(why -> text.append("poison ").append(why).append('\n'));
    return Bytes.utf8(text.toString());
  }

  static MemberRecord decode(String path, Bytes data) throws UnreadableRecordException {
    Lines lines = Lines.of(path, data, KIND, VERSION);
    Incarnation id = lines.incarnation(lines.value("id"));
    long timeout = lines.number("session-timeout-millis", 1, Integer.MAX_VALUE);
    long lease = Member.leaseLength(timeout).toMillis();
    lines.number("lease-millis", lease, lease);
    SortedMap<String, String> parameters = new TreeMap<>();
    while (lines.at("parameter")) {
      String text = lines.value("parameter");
      int space = text.indexOf(' ');
      if (space < 0) {
        throw lines.broken("parameter \"" + text + "\" without a value");
      }
      parameters.put(text.substring(0, space), text.substring(space + 1));
    }
    Optional<String> poison =
        lines.at("poison") ? Optional.of(lines.value("poison")) : Optional.empty();
    lines.end();
    return new MemberRecord(id, timeout, parameters, poison);
  }

  MemberRecord poisoned(String why) {
    return new MemberRecord(id, timeoutMillis, parameters, Optional.of(why));
  }
}
