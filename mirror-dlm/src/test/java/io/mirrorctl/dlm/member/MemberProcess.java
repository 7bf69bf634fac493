package io.mirrorctl.dlm.member;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * A member in a process of its own, that can be stopped and killed. Writes what it hears, the
 * renewals of its lease, and I/O that comes after a gap: a thread does nothing else than ask the
 * lease and, if it is valid, do as if it wrote.
 */
public final class MemberProcess {
  private static final long GAP_MILLIS = 1_000;

  private MemberProcess() {}

  /** Arguments: servers, root, node, clock period, send and receive multiple. */
  public static void main(String[] arguments) throws IOException {
    var heartbeat =
        new Heartbeat(
            Integer.parseInt(arguments[3]),
            Integer.parseInt(arguments[4]),
            Integer.parseInt(arguments[5]));
    var member =
        new RealMember(
            arguments[0],
            arguments[1],
            Integer.parseInt(arguments[2]),
            heartbeat,
            MemberProcess::say);
    JoinResult result = member.join();
    say("join " + result.status() + " " + result.text());
    Thread.ofPlatform().daemon(true).start(() -> write(member));
    Thread.ofPlatform().daemon(true).start(() -> watchRenewals(member.membership().lease()));
    var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    for (String command = commands.readLine(); command != null; command = commands.readLine()) {
      if (command.equals("leave")) {
        say("answer " + RealMember.answer(member.membership().leave()).status());
      }
    }
  }

  private static synchronized void say(String what) {
    System.out.println("> " + what);
  }

  private static void write(RealMember member) {
    long last = System.currentTimeMillis();
    while (true) {
      long before = System.currentTimeMillis();
      boolean may = member.mayWrite();
      long after = System.currentTimeMillis();
      // a pause between the question and the write is not covered by a lease
      if (may && after - before < GAP_MILLIS / 2) {
        if (after - last > GAP_MILLIS) {
          say("wrote after a gap of " + (after - last));
        }
        last = after;
      }
      nap();
    }
  }

  private static void watchRenewals(Lease lease) {
    long known = 0;
    while (true) {
      Duration left = lease.remaining();
      long sent = System.currentTimeMillis() + left.toMillis() - lease.length().toMillis();
      if (left.isPositive() && sent - known > 100) {
        known = sent;
        say("renewed " + sent);
      }
      nap();
    }
  }

  private static void nap() {
    try {
      Thread.sleep(1);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
