package io.mirrorctl.cli.nbd;

import com.google.common.io.ByteArrayDataOutput;
import com.google.common.io.ByteStreams;
import io.mirrorctl.core.block.BlockSizes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/** The replies to one option, collected so that they leave in one write. */
final class OptionReplies {
  private final int option;
  private final ByteArrayDataOutput out = ByteStreams.newDataOutput();

  OptionReplies(int option) {
    this.option = option;
  }

  /** What is to be sent. */
  ByteBuffer toBytes() {
    return ByteBuffer.wrap(out.toByteArray());
  }

  OptionReplies ack() {
    header(Nbd.REP_ACK, 0);
    return this;
  }

  OptionReplies error(int type, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    header(type, bytes.length);
    out.write(bytes);
    return this;
  }

  OptionReplies server(Export export) {
    byte[] name = export.name().getBytes(StandardCharsets.UTF_8);
    byte[] description = export.description().getBytes(StandardCharsets.UTF_8);
    header(Nbd.REP_SERVER, Integer.BYTES + name.length + description.length);
    out.writeInt(name.length);
    out.write(name);
    out.write(description);
    return this;
  }

  OptionReplies context(int id, String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    header(Nbd.REP_META_CONTEXT, Integer.BYTES + bytes.length);
    out.writeInt(id);
    out.write(bytes);
    return this;
  }

  OptionReplies exportInfo(long size, int flags) {
    header(Nbd.REP_INFO, Short.BYTES + Long.BYTES + Short.BYTES);
    out.writeShort(Nbd.INFO_EXPORT);
    out.writeLong(size);
    out.writeShort(flags);
    return this;
  }

  OptionReplies blockSizes(BlockSizes sizes) {
    header(Nbd.REP_INFO, Short.BYTES + 3 * Integer.BYTES);
    out.writeShort(Nbd.INFO_BLOCK_SIZE);
    out.writeInt(sizes.minimum());
    out.writeInt(sizes.preferred());
    out.writeInt(sizes.maximum());
    return this;
  }

  OptionReplies storage(UUID id) {
    header(Nbd.REP_STORAGE, 2 * Long.BYTES);
    out.writeLong(id.getMostSignificantBits());
    out.writeLong(id.getLeastSignificantBits());
    return this;
  }

  /** A name or a description. */
  OptionReplies text(int info, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    header(Nbd.REP_INFO, Short.BYTES + bytes.length);
    out.writeShort(info);
    out.write(bytes);
    return this;
  }

  private void header(int type, int length) {
    out.writeLong(Nbd.OPTION_REPLY_MAGIC);
    out.writeInt(option);
    out.writeInt(type);
    out.writeInt(length);
  }
}
