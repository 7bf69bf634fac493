package io.mirrorctl.cli.nbd;

import com.google.common.io.ByteSource;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads certificates and private keys from PEM files. */
final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  private static final List<String> KEY_ALGORITHMS = List.of("RSA", "EC", "EdDSA");

  private record Block(String label, ByteSource content) {}

  private Pem() {}

  /**
   * The certificates of a file, in its order.
   *
   * @throws IOException naming the file, if there is none or one cannot be read
   */
  static List<X509Certificate> certificates(Path file) throws IOException {
    List<X509Certificate> certificates = new ArrayList<>();
    for (Block block : blocks(file)) {
      if (block.label.equals("CERTIFICATE")) {
        certificates.add(certificate(file, certificates.size() + 1, block.content.read()));
      }
    }
    if (certificates.isEmpty()) {
      throw new IOException(file + ": no \"BEGIN CERTIFICATE\" in it; a PEM file is needed");
    }
    return certificates;
  }

  private static X509Certificate certificate(Path file, int number, byte[] bytes)
      throws IOException {
    try {
      return (X509Certificate)
          CertificateFactory.getInstance("X.509")
              .generateCertificate(new ByteArrayInputStream(bytes));
    } catch (CertificateException e) {
      throw new IOException(
          "%s: certificate %d cannot be read: %s".formatted(file, number, e.getMessage()), e);
    }
  }

  /**
   * The private key of a file.
   *
   * @throws IOException naming the file and, where the key has another form, how to change it
   */
  static PrivateKey privateKey(Path file) throws IOException {
    String other = "nothing";
    for (Block block : blocks(file)) {
      if (block.label.equals("PRIVATE KEY")) {
        return privateKey(file, block.content.read());
      }
      if (block.label.endsWith("PRIVATE KEY")) {
        other = "\"BEGIN " + block.label + "\"";
      }
    }
    throw new IOException(
        ("%s: no \"BEGIN PRIVATE KEY\" in it but %s; an unencrypted PKCS#8 key is needed: "
                + "openssl pkcs8 -topk8 -nocrypt -in %s -out NEW")
            .formatted(file, other, file));
  }

  private static PrivateKey privateKey(Path file, byte[] bytes) throws IOException {
    var spec = new PKCS8EncodedKeySpec(bytes);
    for (String algorithm : KEY_ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(spec);
      } catch (InvalidKeySpecException e) {
        // a key of another algorithm, or none at all
      } catch (GeneralSecurityException e) {
        throw new IOException(file + ": " + e, e);
      }
    }
    throw new IOException(
        "%s: the private key is damaged or none of %s".formatted(file, KEY_ALGORITHMS));
  }

  /**
   * Checks that key and certificate belong together.
   *
   * @throws IOException naming both files if they do not
   */
  static void checkPair(
      Path certificateFile, X509Certificate certificate, Path keyFile, PrivateKey key)
      throws IOException {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    boolean pair;
    try {
      byte[] probe = "which key is it".getBytes(StandardCharsets.UTF_8);
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(probe);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(probe);
      pair = signature.verify(signed);
    } catch (GeneralSecurityException e) {
      pair = false;
    }
    if (!pair) {
      throw new IOException(
          "%s is not the private key of the first certificate in %s"
              .formatted(keyFile, certificateFile));
    }
  }

  private static List<Block> blocks(Path file) throws IOException {
    String text;
    try {
      text = Files.readString(file, StandardCharsets.ISO_8859_1);
    } catch (NoSuchFileException e) {
      throw new IOException(file + ": no such file", e);
    } catch (IOException e) {
      throw new IOException(file + ": cannot be read: " + e.getMessage(), e);
    }
    List<Block> blocks = new ArrayList<>();
    Matcher matcher = BLOCK.matcher(text);
    while (matcher.find()) {
      try {
        blocks.add(
            new Block(
                matcher.group(1),
                ByteSource.wrap(Base64.getMimeDecoder().decode(matcher.group(2)))));
      } catch (IllegalArgumentException e) {
        throw new IOException(
            "%s: block \"%s\" is not base64: %s".formatted(file, matcher.group(1), e.getMessage()),
            e);
      }
    }
    return blocks;
  }
}
