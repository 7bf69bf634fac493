package io.mirrorctl.cli.nbd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.google.common.collect.HashMultiset;
import com.google.common.collect.Multiset;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * Streams from right to rubbish: the server never hangs, leaks, answers wrongly, or changes
 * anything that was not asked for.
 */
class HostileClientsTest {
  private static final Logger LOG = (Logger) LoggerFactory.getLogger("io.mirrorctl.cli.nbd");
  private static final int THREADS = 2;

  private static final ListAppender<ILoggingEvent> errors = new ListAppender<>();

  @BeforeAll
  static void logErrorsOnly() {
    LOG.setLevel(Level.ERROR);
    LOG.addAppender(errors);
    errors.start();
  }

  @AfterAll
  static void logAsBefore() {
    LOG.detachAppender(errors);
    LOG.setLevel(null);
  }

  @Test
  @Timeout(value = 120, unit = TimeUnit.SECONDS)
  void twentyThousandStreams() throws Exception {
    run(20_000);
  }

  @Test
  @Tag("nightly")
  @Timeout(value = 120, unit = TimeUnit.MINUTES)
  void aMillionStreams() throws Exception {
    run(1_000_000);
  }

  @Test
  @Timeout(value = 120, unit = TimeUnit.SECONDS)
  void aThousandStreamsWhereTlsShouldBegin(@TempDir Path directory) throws Exception {
    var certificates = new Certificates(directory, "localhost");
    NbdTls tls =
        NbdTls.of(
            NbdTls.Mode.REQUIRE,
            certificates.file("server-cert.pem"),
            certificates.file("server-key.pem"));
    try (var server =
        TestServer.start(config -> config.withTls(tls)).with("", new StrictDevice())) {
      for (int seed = 0; seed < 1000; seed++) {
        try (RawClient client = RawClient.greeted(server.address())) {
          assertThat(client.option(Nbd.OPT_STARTTLS)).isEqualTo(Nbd.REP_ACK);
          client.send(HostileStream.likeTls(seed));
          client.sendNoMore();
          client.receiveAll();
        }
      }
      await().until(() -> server.server.connections() == 0);
      assertThat(server.server.bytesInFlight()).isZero();
      assertThat(errors.list).isEmpty();
    }
  }

  private static void run(int streams) throws Exception {
    try (var threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> parts = new ArrayList<>();
      for (int part = 0; part < THREADS; part++) {
        int first = part;
        parts.add(
            threads.submit(() -> {
              talk(first, streams);
              return null;
            }));
      }
      for (Future<?> part : parts) {
        part.get();
      }
    }
  }

  private static void talk(int first, int streams) throws Exception {
    var device = new StrictDevice();
    try (var server = TestServer.start().with("", device)) {
      for (int seed = first; seed < streams; seed += THREADS) {
        try {
          talk(server, device, new HostileStream(seed));
        } catch (IOException | AssertionError e) {
          throw new AssertionError("seed " + seed, e);
        }
      }
      assertThat(errors.list).isEmpty();
      try (RawClient good = server.client("", true)) {
        assertThat(good.structuredRead(0, 4096)).containsOnly(0);
      }
    }
  }

  private static void talk(TestServer server, StrictDevice device, HostileStream stream)
      throws IOException {
    byte[] answer;
    try (RawClient client = RawClient.connect(server.address())) {
      try {
        client.greeting();
        client.send(stream.bytes());
        if (!stream.isWellFormed()) {
          client.sendNoMore();
        }
      } catch (IOException e) {
        // closed before all was sent, as may be
      }
      answer = client.receiveAll();
    }
    while (server.server.connections() > 0) {
      Thread.onSpinWait();
    }
    assertThat(server.server.bytesInFlight()).isZero();
    assertThat(device.offences()).isEmpty();
    Multiset<StrictDevice.Change> made = HashMultiset.create(device.takeChanges());
    Multiset<StrictDevice.Change> permitted = HashMultiset.create(stream.permitted());
    if (stream.isWellFormed()) {
      assertThat(made).isEqualTo(permitted);
      assertAnsweredOnce(answer, stream.requestCount());
    } else {
      assertThat(permitted.containsAll(made)).describedAs("%s in %s", made, permitted).isTrue();
    }
  }

  /** All that comes behind the replies to the options must be chunks, one last one a request. */
  private static void assertAnsweredOnce(byte[] answer, int requests) {
    ByteBuffer in = ByteBuffer.wrap(answer);
    while (in.getLong(in.position()) == Nbd.OPTION_REPLY_MAGIC) {
      in.position(in.position() + 16);
      int length = in.getInt();
      in.position(in.position() + length);
      if (!in.hasRemaining()) {
        break;
      }
    }
    var answered = new BitSet();
    while (in.hasRemaining()) {
      int magic = in.getInt();
      boolean last = true;
      long cookie;
      if (magic == Nbd.SIMPLE_REPLY_MAGIC) {
        in.getInt();
        cookie = in.getLong();
      } else {
        assertThat(magic).isEqualTo(Nbd.STRUCTURED_REPLY_MAGIC);
        last = (in.getShort() & Nbd.REPLY_FLAG_DONE) != 0;
        in.getShort();
        cookie = in.getLong();
        int length = in.getInt();
        in.position(in.position() + length);
      }
      assertThat(cookie).isBetween(0L, requests - 1L);
      if (last) {
        assertThat(answered.get((int) cookie)).isFalse();
        answered.set((int) cookie);
      }
    }
    assertThat(answered.cardinality()).isEqualTo(requests);
  }
}
