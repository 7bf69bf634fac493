package io.mirrorctl.dlm.member;

import io.mirrorctl.dlm.member.View.Accusation;
import io.mirrorctl.dlm.member.View.News;
import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The view as bytes: docs/formats/membership.md. */
final class ViewCodec {
  static final int VERSION = 1;
  private static final String KIND = "mirrorctl-view";
  private static final String NONE = "-";

  private ViewCodec() {}

  static Bytes encode(View view) {
    var text = new StringBuilder();
    text.append(KIND).append(' ').append(VERSION).append('\n');
    text.append("epoch ").append(view.epoch()).append('\n');
    text.append("stage ").append(view.stage().name()).append('\n');
    text.append("reached ").append(view.reached().name()).append('\n');
    text.append("next-incarnation ").append(view.nextIncarnation()).append('\n');
    text.append("arbitrate ").append(view.arbitrate() ? "yes" : "no").append('\n');
    text.append("winner ").append(view.winner().map(Lines::text).orElse(NONE)).append('\n');
    text.append("owner ").append(view.owner().map(Lines::text).orElse(NONE)).append('\n');
    text.append("cause ").append(view.cause()).append('\n');
    for (Member member : view.members()) {
      text.append("member ")
          .append(Lines.text(member.id()))
          .append(' ')
          .append(member.state().name())
          .append(' ')
          .append(member.session())
          .append(' ')
          .append(member.timeoutMillis())
          .append(' ')
          .append(member.passed().map(Stage::name).orElse(NONE))
          .append(' ')
          .append(member.vote().name())
          .append(' ')
          .append(member.vouched() ? "vouched" : NONE)
          .append('\n');
    }
    for (News item : view.news()) {
      text.append("news ")
          .append(item.epoch())
          .append(' ')
          .append(item.kind().name())
          .append(' ')
          .append(Lines.text(item.id()))
          .append('\n');
    }
    for (Accusation accusation : view.accusations()) {
      text.append("accuses ")
          .append(Lines.text(accusation.by()))
          .append(' ')
          .append(Lines.text(accusation.of()))
          .append('\n');
    }
    return Bytes.utf8(text.toString());
  }

  static View decode(String path, Bytes data) throws UnreadableRecordException {
    Lines lines = Lines.of(path, data, KIND, VERSION);
    long epoch = lines.number("epoch", 0, Long.MAX_VALUE - 1);
    Stage stage = lines.word(lines.value("stage"), Stage.class);
    Stage reached = lines.word(lines.value("reached"), Stage.class);
    long nextIncarnation = lines.number("next-incarnation", 1, Long.MAX_VALUE - 1);
    boolean arbitrate = flag(lines, lines.value("arbitrate"), "yes", "no");
    Optional<Incarnation> winner = optional(lines, lines.value("winner"));
    Optional<Incarnation> owner = optional(lines, lines.value("owner"));
    String cause = lines.value("cause");
    List<Member> members = new ArrayList<>();
    while (lines.at("member")) {
      members.add(member(lines, lines.parts("member", 7)));
    }
    List<News> news = new ArrayList<>();
    while (lines.at("news")) {
      List<String> parts = lines.parts("news", 3);
      news.add(
          new News(
              lines.parsed(parts.get(0), 1, epoch),
              lines.word(parts.get(1), News.Kind.class),
              lines.incarnation(parts.get(2))));
    }
    List<Accusation> accusations = new ArrayList<>();
    while (lines.at("accuses")) {
      List<String> parts = lines.parts("accuses", 2);
      accusations.add(
          new Accusation(lines.incarnation(parts.get(0)), lines.incarnation(parts.get(1))));
    }
    lines.end();
    checkMembers(lines, members, nextIncarnation);
    return new View(
        epoch,
        stage,
        reached,
        nextIncarnation,
        members,
        news,
        arbitrate,
        winner,
        owner,
        accusations,
        cause);
  }

  private static Member member(Lines lines, List<String> parts) throws UnreadableRecordException {
    return new Member(
        lines.incarnation(parts.get(0)),
        lines.word(parts.get(1), Member.State.class),
        lines.parsed(parts.get(2), Long.MIN_VALUE, Long.MAX_VALUE),
        lines.parsed(parts.get(3), 1, Integer.MAX_VALUE),
        parts.get(4).equals(NONE)
            ? Optional.empty()
            : Optional.of(lines.word(parts.get(4), Stage.class)),
        lines.word(parts.get(5), Member.Vote.class),
        flag(lines, parts.get(6), "vouched", NONE));
  }

  private static void checkMembers(Lines lines, List<Member> members, long nextIncarnation)
      throws UnreadableRecordException {
    Set<Long> numbers = new HashSet<>();
    int before = 0;
    for (Member member : members) {
      if (member.id().node() <= before) {
        throw lines.broken("members are not in order: " + member.id());
      }
      before = member.id().node();
      if (member.id().number() >= nextIncarnation || !numbers.add(member.id().number())) {
        throw lines.broken("an incarnation that cannot be: " + member.id());
      }
    }
  }

  private static boolean flag(Lines lines, String text, String yes, String no)
      throws UnreadableRecordException {
    if (text.equals(yes)) {
      return true;
    }
    if (text.equals(no)) {
      return false;
    }
    throw lines.broken("\"%s\" is neither \"%s\" nor \"%s\"".formatted(text, yes, no));
  }

  private static Optional<Incarnation> optional(Lines lines, String text)
      throws UnreadableRecordException {
    return text.equals(NONE) ? Optional.empty() : Optional.of(lines.incarnation(text));
  }
}
