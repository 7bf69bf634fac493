package io.mirrorctl.dlm.lock;

import io.mirrorctl.dlm.store.Bytes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * One resource of a DLM as it is told in Linux's fs/dlm/lock.c: three lists of locks, and tables
 * written down once more. Shares nothing with {@link GrantQueue} but the names of the modes.
 */
final class ObviousDlm {
  private static final String MODES = "NL CR CW PR PW EX";

  /** {@code __dlm_compat_matrix} without the row and column of unlocked. */
  private static final String[] COMPATIBLE = {
    "111111", // NL
    "111110", // CR
    "111000", // CW
    "110100", // PR
    "110000", // PW
    "100000", // EX
  };

  /** {@code dlm_lvb_operations}: from the row's mode to the column's; W stores the caller's. */
  private static final String[] VALUE_TABLE = {
    "RRRRRR", // NL
    "-RRRRR", // CR
    "--RRRR", // CW
    "---RRR", // PR
    "WWWWWR", // PW
    "WWWWWW", // EX
  };

  /** One owner's lock. */
  static final class Lkb {
    final int owner;
    String granted;
    String requested;
    long lastId;

    Lkb(int owner) {
      this.owner = owner;
    }

    @Override
    public String toString() {
      return owner + ":" + granted + ">" + requested + "#" + lastId;
    }
  }

  final List<Lkb> grantQueue = new ArrayList<>();
  final List<Lkb> convertQueue = new ArrayList<>();
  final List<Lkb> waitQueue = new ArrayList<>();
  Bytes value = Bytes.of(new byte[64]);
  boolean valid = true;

  private static int number(String mode) {
    return MODES.indexOf(mode) / 3;
  }

  private static boolean compatible(String granted, String requested) {
    return COMPATIBLE[number(granted)].charAt(number(requested)) == '1';
  }

  static boolean stores(LockMode from, LockMode to) {
    return VALUE_TABLE[number(from.name())].charAt(number(to.name())) == 'W';
  }

  private static boolean conflict(List<Lkb> queue, Lkb asking) {
    for (Lkb other : queue) {
      if (other != asking && !compatible(other.granted, asking.requested)) {
        return true;
      }
    }
    return false;
  }

  private boolean canBeGranted(Lkb lkb, boolean now) {
    boolean conversion = lkb.granted != null;
    if (!conversion && lkb.requested.equals("NL")) {
      return true;
    }
    if (conflict(grantQueue, lkb) || conflict(convertQueue, lkb)) {
      return false;
    }
    if (now && conversion) {
      return true;
    }
    if (now) {
      return convertQueue.isEmpty() && waitQueue.isEmpty();
    }
    if (conversion) {
      return convertQueue.getFirst() == lkb;
    }
    return convertQueue.isEmpty() && waitQueue.getFirst() == lkb;
  }

  private void grant(Lkb lkb) {
    convertQueue.remove(lkb);
    waitQueue.remove(lkb);
    grantQueue.remove(lkb);
    grantQueue.add(lkb);
    lkb.granted = lkb.requested;
    lkb.requested = null;
  }

  private void grantPending() {
    boolean again = true;
    while (again) {
      again = false;
      for (Lkb lkb : List.copyOf(convertQueue)) {
        if (canBeGranted(lkb, false)) {
          grant(lkb);
          again = true;
        }
      }
      for (Lkb lkb : List.copyOf(waitQueue)) {
        if (canBeGranted(lkb, false)) {
          grant(lkb);
          again = true;
        }
      }
    }
  }

  private static Lkb find(List<Lkb> queue, int owner) {
    return queue.stream().filter(lkb -> lkb.owner == owner).findFirst().orElse(null);
  }

  Lkb find(int owner) {
    Lkb granted = find(grantQueue, owner);
    Lkb converting = find(convertQueue, owner);
    return granted != null ? granted : converting != null ? converting : find(waitQueue, owner);
  }

  String ask(int owner, long id, LockMode mode, boolean noQueue, Bytes written) {
    Lkb lkb = find(owner);
    if (lkb != null && lkb.lastId == id) {
      return lkb.requested == null ? "GRANTED" : "QUEUED";
    }
    boolean fresh = lkb == null;
    if (fresh) {
      lkb = new Lkb(owner);
    }
    lkb.requested = mode.name();
    String before = lkb.granted;
    if (canBeGranted(lkb, true)) {
      lkb.lastId = id;
      grant(lkb);
      if (before != null && written != null && stores(LockMode.valueOf(before), mode)) {
        value = written;
        valid = true;
      }
      grantPending();
      return "GRANTED";
    }
    if (noQueue) {
      lkb.requested = null;
      return "BUSY";
    }
    if (!fresh) {
      for (Lkb ahead : convertQueue) {
        if (!compatible(lkb.granted, ahead.requested)) {
          lkb.requested = null;
          return "DEADLOCK";
        }
      }
      grantQueue.remove(lkb);
    }
    lkb.lastId = id;
    (fresh ? waitQueue : convertQueue).add(lkb);
    return "QUEUED";
  }

  String cancel(int owner, long id) {
    Lkb lkb = find(owner);
    if (lkb == null || lkb.lastId == id) {
      return "CANCELLED";
    }
    if (grantQueue.contains(lkb)) {
      return "NOT_QUEUED";
    }
    lkb.requested = null;
    if (convertQueue.remove(lkb)) {
      grantQueue.add(lkb);
    }
    waitQueue.remove(lkb);
    lkb.lastId = id;
    grantPending();
    return "CANCELLED";
  }

  String unlock(int owner, Bytes written) {
    Lkb lkb = find(owner);
    if (lkb != null) {
      if (written != null && ("PW".equals(lkb.granted) || "EX".equals(lkb.granted))) {
        value = written;
        valid = true;
      }
      drop(lkb);
      grantPending();
    }
    return "RELEASED";
  }

  private void drop(Lkb lkb) {
    grantQueue.remove(lkb);
    convertQueue.remove(lkb);
    waitQueue.remove(lkb);
  }

  void purge(Set<Integer> owners) {
    for (int owner : owners) {
      Lkb lkb = find(owner);
      if (lkb != null) {
        if ("PW".equals(lkb.granted) || "EX".equals(lkb.granted)) {
          valid = false;
        }
        drop(lkb);
      }
    }
    grantPending();
  }

  @Override
  public String toString() {
    return "granted %s, converting %s, waiting %s, value %s %s"
        .formatted(grantQueue, convertQueue, waitQueue, valid, value);
  }
}
