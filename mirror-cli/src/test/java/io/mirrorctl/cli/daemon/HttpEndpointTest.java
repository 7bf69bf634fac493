package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.mirrorctl.core.env.Env;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class HttpEndpointTest {
  private static final int PATIENCE_MILLIS = 3 * 1000 * HttpEndpoint.LIMIT_SECONDS;

  private final HttpClient client = HttpClient.newHttpClient();
  private List<String> missing = List.of();
  private HttpEndpoint endpoint;

  private final class Told implements HttpEndpoint.Source {
    @Override
    public MetricSnapshots metrics() {
      var families = new Families();
      families.gauge("disks", "How many.", 2, Labels.of("array", "a \"b\"\n\\"));
      families.counter("reads", "How often.", 3, Labels.EMPTY);
      return families.all();
    }

    @Override
    public List<String> notReady() {
      return missing;
    }
  }

  @BeforeEach
  void start() throws IOException {
    endpoint = HttpEndpoint.start(HttpAddress.parse(":0"), new Told(), Env.system());
  }

  @AfterEach
  void stop() {
    client.close();
    endpoint.close();
  }

  private HttpResponse<String> send(String method, String path)
      throws IOException, InterruptedException {
    return client.send(
        HttpRequest.newBuilder(URI.create("http://%s%s".formatted(endpoint.address(), path)))
            .method(method, BodyPublishers.noBody())
            .build(),
        BodyHandlers.ofString());
  }

  private Socket connect() throws IOException {
    var socket = new Socket(InetAddress.getLoopbackAddress(), endpoint.address().port());
    socket.setSoTimeout(PATIENCE_MILLIS);
    return socket;
  }

  @Test
  void metricsHaveTheFormThatPrometheusReads() throws Exception {
    HttpResponse<String> answer = send("GET", "/metrics");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("Content-Type").orElseThrow())
        .startsWith("text/plain; version=0.0.4");
    assertThat(answer.body())
        .isEqualTo(
            """
            # HELP mirrorctl_disks How many.
            # TYPE mirrorctl_disks gauge
            mirrorctl_disks{array="a \\"b\\"\\n\\\\"} 2.0
            # HELP mirrorctl_reads_total How often.
            # TYPE mirrorctl_reads_total counter
            mirrorctl_reads_total 3.0
            """);
  }

  @Test
  void readyIsFiveHundredAndThreeWithWhatIsMissing() throws Exception {
    assertThat(send("GET", "/ready").statusCode()).isEqualTo(200);
    missing = List.of("array m is not in use", "the lease is over");

    HttpResponse<String> answer = send("GET", "/ready");

    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.body()).isEqualTo("array m is not in use\nthe lease is over\n");
    assertThat(send("GET", "/health").statusCode()).isEqualTo(200);
  }

  @Test
  void nothingElseIsThereAndNothingCanBeChanged() throws Exception {
    assertThat(send("GET", "/").statusCode()).isEqualTo(404);
    assertThat(send("GET", "/metricsx").statusCode()).isEqualTo(404);
    assertThat(send("GET", "/metrics/x").statusCode()).isEqualTo(404);
    HttpResponse<String> refused = send("POST", "/metrics");
    assertThat(refused.statusCode()).isEqualTo(405);
    assertThat(refused.headers().firstValue("Allow")).contains("GET, HEAD");
    HttpResponse<String> head = send("HEAD", "/health");
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
  }

  @Test
  void anAddressInUseIsNamed() {
    assertThatThrownBy(() -> HttpEndpoint.start(endpoint.address(), new Told(), Env.system()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("cannot listen on %s for HTTP".formatted(endpoint.address()))
        .hasMessageContaining("--http");
  }

  @Test
  void moreConnectionsThanThereMayBeAreClosedAndTheOthersServed() throws Exception {
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < HttpEndpoint.MOST_CONNECTIONS; i++) {
        sockets.add(connect());
        sockets
            .get(i)
            .getOutputStream()
            .write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(US_ASCII));
        assertThat(sockets.get(i).getInputStream().read()).isEqualTo('H');
      }
      try (Socket one = connect()) {
        assertThat(one.getInputStream().read()).isEqualTo(-1);
      }
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void whoDoesNotFinishItsRequestIsCutOff() throws Exception {
    try (Socket slow = connect()) {
      slow.getOutputStream().write("GET /health HT".getBytes(US_ASCII));

      assertThat(slow.getInputStream().read()).isEqualTo(-1);
    }
  }
}
