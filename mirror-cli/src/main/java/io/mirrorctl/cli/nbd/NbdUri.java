package io.mirrorctl.cli.nbd;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Where an export of an NBD server is: {@code nbd://host:port/export}, {@code
 * nbd+unix:///export?socket=PATH}, and both with {@code nbds} for TLS.
 *
 * <p>Source: doc/uri.md of the NBD reference implementation. The scheme {@code nbd} never uses TLS
 * here (the document would allow it where the server agrees), so what is asked for is what one
 * gets. Parameters that are not understood are refused, except those that begin with {@code x-}.
 *
 * @param tls whether the connection must be encrypted
 * @param address where the server listens
 * @param export the export's name, which may be empty
 * @param tlsHostname the name the server's certificate must carry, if it is not the host
 */
public record NbdUri(boolean tls, NbdAddress address, String export, Optional<String> tlsHostname) {

  private static final Set<String> SCHEMES = Set.of("nbd", "nbds", "nbd+unix", "nbds+unix");

  /** Whether the text has a scheme of ours, so that it cannot be meant as the name of a file. */
  public static boolean looksLike(String text) {
    int colon = text.indexOf("://");
    return colon > 0 && SCHEMES.contains(text.substring(0, colon).toLowerCase(Locale.ROOT));
  }

  /**
   * Reads a URI.
   *
   * @throws IllegalArgumentException with a message that names the text and what is wrong with it
   */
  public static NbdUri parse(String text) {
    return new Parser(text).uri();
  }

  /** The URI as text that {@link #parse} takes. */
  @Override
  public String toString() {
    var text = new StringBuilder(tls ? "nbds" : "nbd");
    char separator = '?';
    switch (address) {
      case NbdAddress.Tcp(String host, int port) -> {
        text.append("://");
        text.append(host.contains(":") ? "[" + encode(host, ":") + "]" : encode(host, ""));
        if (port != Nbd.PORT) {
          text.append(':').append(port);
        }
        text.append('/').append(encode(export, "/:@"));
      }
      case NbdAddress.Unix(Path socket) -> {
        text.append("+unix:///").append(encode(export, "/:@"));
        text.append("?socket=").append(encode(socket.toString(), "/:@"));
        separator = '&';
      }
    }
    if (tlsHostname.isPresent()) {
      text.append(separator).append("tls-hostname=").append(encode(tlsHostname.get(), ":"));
    }
    return text.toString();
  }

  private static String encode(String text, String alsoPlain) {
    var encoded = new StringBuilder();
    for (byte b : text.getBytes(UTF_8)) {
      char c = (char) (b & 0xff);
      boolean plain =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || "-._~".indexOf(c) >= 0
              || alsoPlain.indexOf(c) >= 0;
      if (plain) {
        encoded.append(c);
      } else {
        encoded.append("%%%02X".formatted((int) c));
      }
    }
    return encoded.toString();
  }

  /** Takes one text apart. */
  private static final class Parser {
    private final String text;
    private final URI uri;

    Parser(String text) {
      this.text = text;
      try {
        this.uri = new URI(text);
      } catch (URISyntaxException e) {
        throw refused(e.getReason() + " at character " + (e.getIndex() + 1));
      }
    }

    NbdUri uri() {
      String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
      if (!SCHEMES.contains(scheme)) {
        throw refused("the scheme must be nbd, nbds, nbd+unix or nbds+unix");
      }
      if (uri.isOpaque() || !text.startsWith("//", scheme.length() + 1)) {
        throw refused("\"//\" must follow the scheme");
      }
      if (uri.getRawFragment() != null) {
        throw refused("\"#\" has no meaning here; write %23 if it belongs to the name");
      }
      boolean tls = scheme.startsWith("nbds");
      Map<String, String> parameters = parameters();
      NbdAddress address = scheme.endsWith("+unix") ? unix(parameters) : tcp(parameters);
      return new NbdUri(tls, address, export(), tlsHostname(tls, parameters));
    }

    private Map<String, String> parameters() {
      var parameters = new HashMap<String, String>();
      String query = uri.getRawQuery();
      if (query == null || query.isEmpty()) {
        return parameters;
      }
      for (String pair : query.split("&", -1)) {
        int equals = pair.indexOf('=');
        String key = decode("a parameter's name", equals < 0 ? pair : pair.substring(0, equals));
        String value = equals < 0 ? "" : decode("parameter " + key, pair.substring(equals + 1));
        boolean known =
            Set.of("socket", "tls-type", "tls-hostname", "tls-verify-peer").contains(key);
        if (!known && !key.startsWith("x-")) {
          throw refused("unknown parameter \"" + key + "\"");
        }
        if (parameters.put(key, value) != null) {
          throw refused("parameter " + key + " is given twice");
        }
      }
      return parameters;
    }

    private NbdAddress unix(Map<String, String> parameters) {
      String authority = uri.getRawAuthority();
      if (authority != null && !authority.isEmpty()) {
        throw refused("a Unix socket has no host; write three slashes before the export's name");
      }
      String socket = parameters.getOrDefault("socket", "");
      if (socket.isEmpty()) {
        throw refused("the parameter socket=PATH is missing");
      }
      if (socket.startsWith("\0")) {
        throw refused("sockets in the abstract namespace are not supported");
      }
      try {
        return new NbdAddress.Unix(Path.of(socket));
      } catch (InvalidPathException e) {
        throw refused("the socket is not a path: " + e.getReason());
      }
    }

    private NbdAddress tcp(Map<String, String> parameters) {
      if (parameters.containsKey("socket")) {
        throw refused("socket=PATH needs the scheme nbd+unix or nbds+unix");
      }
      String authority = uri.getRawAuthority();
      if (authority == null || authority.isEmpty()) {
        throw refused("the host is missing");
      }
      if (authority.contains("@")) {
        throw refused("user names are not supported");
      }
      int portColon = authority.indexOf(':', authority.lastIndexOf(']') + 1);
      String host = portColon < 0 ? authority : authority.substring(0, portColon);
      int port = portColon < 0 ? Nbd.PORT : port(authority.substring(portColon + 1));
      if (host.startsWith("[") && host.endsWith("]")) {
        // the zone of a link-local address may be written fe80::1%25eth0 or, in practice, %eth0
        host = host.substring(1, host.length() - 1).replace("%25", "%");
      } else {
        host = decode("the host", host);
      }
      if (host.isEmpty()) {
        throw refused("the host is missing");
      }
      return new NbdAddress.Tcp(host, port);
    }

    private int port(String digits) {
      if (digits.isEmpty()) {
        return Nbd.PORT;
      }
      boolean number = digits.length() <= 5 && digits.chars().allMatch(c -> c >= '0' && c <= '9');
      int port = number ? Integer.parseInt(digits) : -1;
      if (port < 1 || port > 65_535) {
        throw refused("the port \"" + digits + "\" is not a number from 1 to 65535");
      }
      return port;
    }

    private String export() {
      String path = uri.getRawPath();
      String export =
          path == null || path.isEmpty() ? "" : decode("the export's name", path.substring(1));
      if (export.indexOf('\0') >= 0) {
        throw refused("the export's name contains a NUL");
      }
      if (export.getBytes(UTF_8).length > Nbd.MAX_STRING) {
        throw refused("the export's name is longer than " + Nbd.MAX_STRING + " bytes");
      }
      return export;
    }

    private Optional<String> tlsHostname(boolean tls, Map<String, String> parameters) {
      for (String key : parameters.keySet()) {
        if (key.startsWith("tls-") && !tls) {
          throw refused(key + " needs the scheme nbds or nbds+unix");
        }
      }
      if (!parameters.getOrDefault("tls-type", "x509").equals("x509")) {
        throw refused("the only tls-type here is x509");
      }
      if (!parameters.getOrDefault("tls-verify-peer", "1").equals("1")) {
        throw refused("the server of a disk is always verified; leave tls-verify-peer out");
      }
      String hostname = parameters.get("tls-hostname");
      if (hostname != null && hostname.isEmpty()) {
        throw refused("tls-hostname is empty");
      }
      return Optional.ofNullable(hostname);
    }

    private String decode(String what, String encoded) {
      var bytes = new ByteArrayOutputStream();
      for (int i = 0; i < encoded.length(); ) {
        if (encoded.charAt(i) == '%') {
          // java.net.URI has made sure that two hexadecimal digits follow
          bytes.write(Integer.parseInt(encoded, i + 1, i + 3, 16));
          i += 3;
        } else {
          int end = encoded.offsetByCodePoints(i, 1);
          bytes.writeBytes(encoded.substring(i, end).getBytes(UTF_8));
          i = end;
        }
      }
      try {
        return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())).toString();
      } catch (CharacterCodingException e) {
        throw refused(what + " is not UTF-8");
      }
    }

    private IllegalArgumentException refused(String why) {
      return new IllegalArgumentException("not an NBD disk: " + text + ": " + why);
    }
  }
}
