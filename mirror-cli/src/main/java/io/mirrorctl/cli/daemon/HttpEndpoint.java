package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.mirrorctl.core.env.Env;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.List;

/**
 * Tells over HTTP how a process is: {@code /metrics} for Prometheus, {@code /health} (the process
 * answers) and {@code /ready} (it does all that it is to do). Nothing can be changed here.
 *
 * <p>The JDK's server takes its limits from system properties when it is first used: unless they
 * are set otherwise, it has at most {@value #MOST_CONNECTIONS} connections, and gives a client
 * {@value #LIMIT_SECONDS} s to send its request, to take the answer, or to send another one.
 *
 * <p>Threading: any thread; each request has one of {@link Env#io}.
 */
final class HttpEndpoint implements Closeable {
  static final int MOST_CONNECTIONS = 32;
  static final int LIMIT_SECONDS = 10;

  private static final System.Logger LOG = System.getLogger(HttpEndpoint.class.getName());
  private static final int BACKLOG = 16;
  private static final String TEXT = "text/plain; charset=utf-8";

  static {
    limit("jdk.httpserver.maxConnections", MOST_CONNECTIONS);
    limit("sun.net.httpserver.maxReqTime", LIMIT_SECONDS);
    limit("sun.net.httpserver.maxRspTime", LIMIT_SECONDS);
    limit("sun.net.httpserver.idleInterval", LIMIT_SECONDS);
    limit("sun.net.httpserver.maxReqHeaderSize", 16 << 10);
  }

  private final HttpAddress address;
  private final HttpServer server;
  private final Source source;

  /** What is told. */
  interface Source {
    MetricSnapshots metrics();

    /** What is missing; empty if the process is ready. */
    List<String> notReady();
  }

  private record Page(int status, String type, String body) {
    static Page text(int status, String text) {
      return new Page(status, TEXT, text + "\n");
    }
  }

  private HttpEndpoint(HttpAddress address, HttpServer server, Source source) {
    this.address = address;
    this.server = server;
    this.source = source;
  }

  private static void limit(String property, int value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, Integer.toString(value));
    }
  }

  /** Serves when this returns. */
  static HttpEndpoint start(HttpAddress address, Source source, Env env) throws IOException {
    HttpServer server;
    try {
      server = HttpServer.create(address.resolved(), BACKLOG);
    } catch (IOException e) {
      throw new IOException(
          "cannot listen on %s for HTTP: %s; give another address with --http"
              .formatted(address, e.getMessage()),
          e);
    }
    var taken = new HttpAddress(address.host(), server.getAddress().getPort());
    var endpoint = new HttpEndpoint(taken, server, source);
    server.setExecutor(env.io());
    server.createContext("/", endpoint::handle);
    server.start();
    return endpoint;
  }

  /** Where it listens, with the port that the system chose. */
  HttpAddress address() {
    return address;
  }

  private void handle(HttpExchange exchange) {
    try (exchange) {
      Page page = page(exchange);
      exchange.getResponseHeaders().set("Content-Type", page.type());
      boolean head = exchange.getRequestMethod().equals("HEAD");
      byte[] body = page.body().getBytes(UTF_8);
      exchange.sendResponseHeaders(page.status(), head ? -1 : body.length);
      if (!head) {
        exchange.getResponseBody().write(body);
      }
    } catch (IOException e) {
      LOG.log(Level.DEBUG, "http: {0}", e.getMessage()); // the client has gone
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "an HTTP request ended by a bug", e);
      throw e;
    }
  }

  private Page page(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    if (!method.equals("GET") && !method.equals("HEAD")) {
      exchange.getResponseHeaders().set("Allow", "GET, HEAD");
      return Page.text(405, "only GET and HEAD; nothing can be changed here");
    }
    return switch (exchange.getRequestURI().getPath()) {
      case "/metrics" -> metrics();
      case "/health" -> Page.text(200, "ok");
      case "/ready" -> {
        List<String> missing = source.notReady();
        yield missing.isEmpty()
            ? Page.text(200, "ready")
            : Page.text(503, String.join("\n", missing));
      }
      case null, default -> Page.text(404, "there are /metrics, /health and /ready");
    };
  }

  private Page metrics() throws IOException {
    var body = new ByteArrayOutputStream();
    PrometheusTextFormatWriter.create().write(body, source.metrics());
    return new Page(200, PrometheusTextFormatWriter.CONTENT_TYPE, body.toString(UTF_8));
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
