package io.mirrorctl.cli.cluster;

import io.mirrorctl.cli.output.CommandException;
import io.mirrorctl.cli.output.ExitCode;
import io.mirrorctl.dlm.member.Incarnation;
import io.mirrorctl.dlm.member.Membership;
import io.mirrorctl.dlm.member.ServiceResult;
import java.io.IOException;
import java.util.Optional;

/** What operators have the cluster do. Methods block. */
record Operations(String cluster, Membership membership, NodeNames names) {
  private static final String REASON = "an operator asked for it";

  /** Puts a node out; says what was done. */
  String eject(String named, boolean fenced) throws IOException {
    Membership.Vouch vouch = fenced ? Membership.Vouch.FENCED : Membership.Vouch.NO;
    return done(Answers.await(membership.eject(number(named), vouch, REASON), "ejecting " + named));
  }

  private int number(String named) throws IOException {
    for (Incarnation member : Answers.await(membership.clusterInfo(), "the members").active()) {
      if (names.of(member.node()).equals(named)) {
        return member.node();
      }
    }
    Optional<Integer> known = names.numberOf(named);
    if (known.isPresent()) {
      return known.get();
    }
    if (named.matches("[1-9][0-9]?")) {
      return Integer.parseInt(named);
    }
    throw new CommandException(
        ExitCode.FAILED,
        "cluster %s has no node %s; mirrorctl members shows those it has"
            .formatted(cluster, named));
  }

  /** Takes the cluster through a regroup; says what came of it. */
  String regroup() throws IOException {
    return done(Answers.await(membership.forceRegroup(REASON), "the regroup"));
  }

  private static String done(ServiceResult result) throws IOException {
    if (result instanceof ServiceResult.Done(long epoch, String text)) {
      return "%s; epoch %d".formatted(text, epoch);
    }
    throw new CommandException(ExitCode.FAILED, result.text());
  }
}
