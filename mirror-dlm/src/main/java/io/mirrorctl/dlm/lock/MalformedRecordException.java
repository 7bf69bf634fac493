package io.mirrorctl.dlm.lock;

/** What is stored is not what this version writes: another program's, a newer one's, or damaged. */
final class MalformedRecordException extends Exception {
  private static final long serialVersionUID = 1;

  MalformedRecordException(String field, Object expected, Object found) {
    super("%s should be %s, but is %s".formatted(field, expected, found));
  }
}
