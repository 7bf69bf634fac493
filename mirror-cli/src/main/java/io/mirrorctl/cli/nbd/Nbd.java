package io.mirrorctl.cli.nbd;

/**
 * The numbers of the NBD protocol, under the protocol's own names (without the prefix {@code
 * NBD_}).
 *
 * <p>Source: doc/proto.md of the NBD reference implementation. All integers on the wire are
 * big-endian; lengths and offsets are bytes.
 */
final class Nbd {
  private Nbd() {}

  /** The port IANA registered for NBD. */
  static final int PORT = 10809;

  /** No string on the wire (export name, context name, error text) is longer than this. */
  static final int MAX_STRING = 4096;

  /** Request payload every server takes and every client may send, unless sizes were negotiated. */
  static final int DEFAULT_MAX_PAYLOAD = 32 << 20;

  // ---- magic numbers -----------------------------------------------------------------------

  /** First word from a server: "NBDMAGIC". */
  static final long INIT_MAGIC = 0x4e42444d41474943L;

  /** Second word from a newstyle server, and the start of each option: "IHAVEOPT". */
  static final long OPTION_MAGIC = 0x49484156454F5054L;

  /** Second word from an oldstyle server. */
  static final long OLDSTYLE_MAGIC = 0x00420281861253L;

  static final long OPTION_REPLY_MAGIC = 0x0003e889045565a9L;
  static final int REQUEST_MAGIC = 0x25609513;
  static final int SIMPLE_REPLY_MAGIC = 0x67446698;
  static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;

  // ---- sizes of fixed parts ----------------------------------------------------------------

  /** magic 8, option 4, length 4. */
  static final int OPTION_HEADER_BYTES = 16;

  /** magic 8, option 4, type 4, length 4. */
  static final int OPTION_REPLY_HEADER_BYTES = 20;

  /** magic 4, flags 2, type 2, cookie 8, offset 8, length 4. */
  static final int REQUEST_BYTES = 28;

  /** magic 4, error 4, cookie 8. */
  static final int SIMPLE_REPLY_BYTES = 16;

  /** magic 4, flags 2, type 2, cookie 8, length 4. */
  static final int STRUCTURED_REPLY_BYTES = 20;

  /** The reserved zeroes behind the answer to {@link #OPT_EXPORT_NAME} without NO_ZEROES. */
  static final int EXPORT_NAME_PADDING = 124;

  // ---- handshake flags (16 bits, server) and client flags (32 bits) ------------------------

  static final int FLAG_FIXED_NEWSTYLE = 1;
  static final int FLAG_NO_ZEROES = 1 << 1;
  static final int FLAG_C_FIXED_NEWSTYLE = 1;
  static final int FLAG_C_NO_ZEROES = 1 << 1;

  // ---- transmission flags (16 bits) --------------------------------------------------------

  static final int FLAG_HAS_FLAGS = 1;
  static final int FLAG_READ_ONLY = 1 << 1;
  static final int FLAG_SEND_FLUSH = 1 << 2;
  static final int FLAG_SEND_FUA = 1 << 3;
  static final int FLAG_ROTATIONAL = 1 << 4;
  static final int FLAG_SEND_TRIM = 1 << 5;
  static final int FLAG_SEND_WRITE_ZEROES = 1 << 6;
  static final int FLAG_SEND_DF = 1 << 7;
  static final int FLAG_CAN_MULTI_CONN = 1 << 8;
  static final int FLAG_SEND_RESIZE = 1 << 9;
  static final int FLAG_SEND_CACHE = 1 << 10;
  static final int FLAG_SEND_FAST_ZERO = 1 << 11;

  // ---- options -----------------------------------------------------------------------------

  static final int OPT_EXPORT_NAME = 1;
  static final int OPT_ABORT = 2;
  static final int OPT_LIST = 3;
  static final int OPT_PEEK_EXPORT = 4;
  static final int OPT_STARTTLS = 5;
  static final int OPT_INFO = 6;
  static final int OPT_GO = 7;
  static final int OPT_STRUCTURED_REPLY = 8;
  static final int OPT_LIST_META_CONTEXT = 9;
  static final int OPT_SET_META_CONTEXT = 10;
  static final int OPT_EXTENDED_HEADERS = 11;

  /**
   * Ours, above all that are assigned: who the client is. The data is a {@link NodeIdentity}; a
   * server that knows it answers {@link #REP_STORAGE} and an acknowledgement.
   */
  static final int OPT_IDENTIFY = 0x4d52_0001;

  /**
   * Ours: refuse these {@link NodeIdentity nodes} from now on. Only behind {@link #OPT_IDENTIFY}.
   */
  static final int OPT_FENCE = 0x4d52_0002;

  // ---- option replies ----------------------------------------------------------------------

  static final int REP_ACK = 1;
  static final int REP_SERVER = 2;
  static final int REP_INFO = 3;
  static final int REP_META_CONTEXT = 4;

  /** Ours: 16 bytes that are the same as long as nothing is lost that was written. */
  static final int REP_STORAGE = 0x4d52_0001;

  /** Set in every reply type that is an error. */
  static final int REP_FLAG_ERROR = 1 << 31;

  static final int REP_ERR_UNSUP = REP_FLAG_ERROR | 1;
  static final int REP_ERR_POLICY = REP_FLAG_ERROR | 2;
  static final int REP_ERR_INVALID = REP_FLAG_ERROR | 3;
  static final int REP_ERR_PLATFORM = REP_FLAG_ERROR | 4;
  static final int REP_ERR_TLS_REQD = REP_FLAG_ERROR | 5;
  static final int REP_ERR_UNKNOWN = REP_FLAG_ERROR | 6;
  static final int REP_ERR_SHUTDOWN = REP_FLAG_ERROR | 7;
  static final int REP_ERR_BLOCK_SIZE_REQD = REP_FLAG_ERROR | 8;
  static final int REP_ERR_TOO_BIG = REP_FLAG_ERROR | 9;
  static final int REP_ERR_EXT_HEADER_REQD = REP_FLAG_ERROR | 10;

  // ---- information types of OPT_INFO and OPT_GO --------------------------------------------

  /** size 8, transmission flags 2. */
  static final int INFO_EXPORT = 0;

  static final int INFO_NAME = 1;
  static final int INFO_DESCRIPTION = 2;

  /** minimum 4, preferred 4, maximum 4. */
  static final int INFO_BLOCK_SIZE = 3;

  // ---- metadata contexts -------------------------------------------------------------------

  static final String CONTEXT_BASE_ALLOCATION = "base:allocation";
  static final int STATE_HOLE = 1;
  static final int STATE_ZERO = 1 << 1;

  // ---- commands ----------------------------------------------------------------------------

  static final int CMD_READ = 0;
  static final int CMD_WRITE = 1;
  static final int CMD_DISC = 2;
  static final int CMD_FLUSH = 3;
  static final int CMD_TRIM = 4;
  static final int CMD_CACHE = 5;
  static final int CMD_WRITE_ZEROES = 6;
  static final int CMD_BLOCK_STATUS = 7;
  static final int CMD_RESIZE = 8;

  // ---- command flags (16 bits) -------------------------------------------------------------

  static final int CMD_FLAG_FUA = 1;
  static final int CMD_FLAG_NO_HOLE = 1 << 1;
  static final int CMD_FLAG_DF = 1 << 2;
  static final int CMD_FLAG_REQ_ONE = 1 << 3;
  static final int CMD_FLAG_FAST_ZERO = 1 << 4;
  static final int CMD_FLAG_PAYLOAD_LEN = 1 << 5;

  // ---- structured replies ------------------------------------------------------------------

  static final int REPLY_FLAG_DONE = 1;

  static final int REPLY_TYPE_NONE = 0;

  /** offset 8, data. */
  static final int REPLY_TYPE_OFFSET_DATA = 1;

  /** offset 8, length of the hole 4. */
  static final int REPLY_TYPE_OFFSET_HOLE = 2;

  /** context id 4, then pairs of length 4 and status flags 4. */
  static final int REPLY_TYPE_BLOCK_STATUS = 5;

  /** Set in every chunk type that is an error. */
  static final int REPLY_TYPE_FLAG_ERROR = 1 << 15;

  /** error 4, length of the text 2, text. */
  static final int REPLY_TYPE_ERROR = REPLY_TYPE_FLAG_ERROR | 1;

  /** error 4, length of the text 2, text, offset 8. */
  static final int REPLY_TYPE_ERROR_OFFSET = REPLY_TYPE_FLAG_ERROR | 2;

  // ---- error numbers -----------------------------------------------------------------------

  static final int EPERM = 1;
  static final int EIO = 5;
  static final int ENOMEM = 12;
  static final int EINVAL = 22;
  static final int ENOSPC = 28;
  static final int EOVERFLOW = 75;
  static final int ENOTSUP = 95;
  static final int ESHUTDOWN = 108;
}
