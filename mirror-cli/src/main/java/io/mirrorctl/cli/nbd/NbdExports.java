package io.mirrorctl.cli.nbd;

import io.mirrorctl.core.block.BlockDevice;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * The devices an {@link NbdServer} offers, by name. The empty name, which clients use when they
 * name none, stands for the only export if there is exactly one.
 *
 * <p>The devices stay their owner's: nothing here closes them.
 *
 * <p>Threading: safe from any thread, also while servers run.
 */
public final class NbdExports {
  private static final Duration DRAIN = Duration.ofSeconds(30);

  private final ConcurrentSkipListMap<String, Export> byName = new ConcurrentSkipListMap<>();

  /**
   * Offers a device.
   *
   * @param name at most 4096 bytes of UTF-8 without NUL
   * @param description for people; may be empty
   * @throws IllegalArgumentException if the name cannot be an NBD export's, or is taken
   */
  public void add(String name, BlockDevice device, String description) {
    checkString("name", name);
    checkString("description", description);
    if (byName.putIfAbsent(name, new Export(name, device, description)) != null) {
      throw new IllegalArgumentException("there is an NBD export \"" + name + "\" already");
    }
  }

  /**
   * Takes a device away as {@link #remove(String, Duration)} does, with half a minute for requests
   * in flight.
   */
  public boolean remove(String name) throws InterruptedException {
    return remove(name, DRAIN);
  }

  /**
   * Takes a device away. Its clients' requests in flight are finished, new ones fail with
   * ESHUTDOWN; then the connections are closed, and when this method returns the device is not used
   * any more.
   *
   * @param drain after this time requests that have not reached the device are given up
   * @return false if there is no such export
   * @throws InterruptedException if interrupted while waiting; the export is gone, and the waiting
   *     may be taken up again only by the device's own means
   */
  public boolean remove(String name, Duration drain) throws InterruptedException {
    Export export = byName.remove(name);
    if (export == null) {
      return false;
    }
    export.close(drain);
    return true;
  }

  /** The names, in order. */
  public List<String> names() {
    return List.copyOf(byName.keySet());
  }

  /** All exports, by name. */
  List<Export> all() {
    return List.copyOf(byName.values());
  }

  /** The export a client means by this name. */
  Optional<Export> find(String name) {
    Export named = byName.get(name);
    if (named == null && name.isEmpty()) {
      List<Export> all = all();
      return all.size() == 1 ? Optional.of(all.getFirst()) : Optional.empty();
    }
    return Optional.ofNullable(named);
  }

  private static void checkString(String what, String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("the " + what + " of an NBD export contains NUL");
    }
    int bytes = text.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > Nbd.MAX_STRING) {
      throw new IllegalArgumentException(
          "the %s of an NBD export has %d bytes; at most %d are allowed"
              .formatted(what, bytes, Nbd.MAX_STRING));
    }
  }
}
