package io.mirrorctl.dlm.cluster;

import io.mirrorctl.dlm.message.ClusterMessage.DiskName;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** A name that comes in several messages. By one thread at a time. */
final class DiskNameParts {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  void add(DiskName part) {
    if (part.part() == 0) {
      bytes.reset(); // of one whose sender died
    }
    bytes.writeBytes(part.text().toArray());
  }

  /** The name, to be used once. */
  String take() {
    String name = bytes.toString(StandardCharsets.UTF_8);
    bytes.reset();
    return name;
  }
}
