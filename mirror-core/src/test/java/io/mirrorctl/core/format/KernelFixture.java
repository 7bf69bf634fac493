package io.mirrorctl.core.format;

import com.google.common.base.Splitter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.tukaani.xz.XZInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Member images written by a Linux kernel, with what is known about them. */
public record KernelFixture(String name) {
  private static final String ROOT = "/kernel/fixtures/";
  private static final Splitter LINES = Splitter.on('\n').trimResults().omitEmptyStrings();

  /** All of them. */
  public static List<KernelFixture> all() {
    try (InputStream in = KernelFixture.class.getResourceAsStream(ROOT + "index.txt")) {
      return LINES
          .splitToStream(new String(in.readAllBytes(), StandardCharsets.UTF_8))
          .map(KernelFixture::new)
          .toList();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The contents of facts.json. */
  public JsonNode facts() {
    return JsonMapper.shared().readTree(bytes("facts.json"));
  }

  /** Number of members. */
  public int members() {
    return facts().get("members").size();
  }

  /** The whole image of a member. */
  public byte[] image(int member) {
    try (var in = new XZInputStream(open("m" + member + ".img.xz"))) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private byte[] bytes(String file) {
    try (InputStream in = open(file)) {
      return in.readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private InputStream open(String file) throws IOException {
    InputStream in = KernelFixture.class.getResourceAsStream(ROOT + name + "/" + file);
    if (in == null) {
      throw new IOException("no resource " + ROOT + name + "/" + file);
    }
    return in;
  }

  @Override
  public String toString() {
    return name;
  }
}
