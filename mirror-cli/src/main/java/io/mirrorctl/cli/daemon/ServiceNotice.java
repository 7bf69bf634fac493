package io.mirrorctl.cli.daemon;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.base.Throwables;
import io.mirrorctl.cli.output.PlainText;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Tells the service manager that started this process how far it is, by the protocol of {@code
 * sd_notify(3)}: datagrams to the Unix socket that {@code $NOTIFY_SOCKET} names. The JDK has no
 * such sockets, so they are the C library's. A manager that cannot be told changes nothing.
 *
 * <p>Threading: any thread.
 */
public final class ServiceNotice {
  private static final System.Logger LOG = System.getLogger(ServiceNotice.class.getName());

  /** What {@code sockaddr_un} has room for; a path ends with a NUL. */
  private static final int LONGEST_NAME = 107;

  private final Optional<String> socket;

  /**
   * @param socket a path, or a name that begins with {@code @}; empty if nobody wants to know
   */
  public ServiceNotice(Optional<String> socket) {
    this.socket = socket.filter(name -> name.startsWith("/") || name.startsWith("@"));
  }

  /** For the manager that started this process, if one did. */
  public static ServiceNotice ofEnvironment() {
    return new ServiceNotice(Optional.ofNullable(System.getenv("NOTIFY_SOCKET")));
  }

  /**
   * It serves.
   *
   * @param status for people
   */
  public void ready(String status) {
    tell("READY=1\nSTATUS=" + PlainText.of(status));
  }

  /** It is about to end. */
  public void stopping() {
    tell("STOPPING=1");
  }

  private void tell(String text) {
    socket.ifPresent(name -> {
      if (!Datagram.send(name, text.getBytes(UTF_8))) {
        LOG.log(Level.WARNING, "the service manager at {0} cannot be told {1}", name, text);
      }
    });
  }

  /** Calls of the C library; loaded only if there is somebody to tell. */
  @SuppressWarnings("restricted") // calling C is what this class is for
  private static final class Datagram {
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int MSG_NOSIGNAL = 0x4000;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final MethodHandle SOCKET =
        call("socket", FunctionDescriptor.of(INT, INT, INT, INT));
    private static final MethodHandle SENDTO =
        call(
            "sendto",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                INT,
                ValueLayout.ADDRESS,
                INT));
    private static final MethodHandle CLOSE = call("close", FunctionDescriptor.of(INT, INT));

    private static MethodHandle call(String name, FunctionDescriptor type) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
    }

    /** Whether it was sent. */
    static boolean send(String name, byte[] text) {
      byte[] path = name.getBytes(UTF_8);
      if (path.length > LONGEST_NAME) {
        return false;
      }
      try (Arena arena = Arena.ofConfined()) {
        int fd = (int) SOCKET.invokeExact(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) {
          return false;
        }
        MemorySegment address = address(arena, path);
        MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, text);
        long sent =
            (long)
                SENDTO.invokeExact(
                    fd, bytes, (long) text.length, MSG_NOSIGNAL, address, (int) address.byteSize());
        int _ = (int) CLOSE.invokeExact(fd);
        return sent == text.length;
      } catch (Throwable e) {
        Throwables.throwIfUnchecked(e);
        throw new IllegalStateException(e); // the calls declare nothing else
      }
    }

    /** Its length tells where an abstract name ends, so there is nothing behind it. */
    private static MemorySegment address(Arena arena, byte[] path) {
      MemorySegment address = arena.allocate(Short.BYTES + path.length);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(path, 0, address, ValueLayout.JAVA_BYTE, Short.BYTES, path.length);
      if (path[0] == '@') {
        address.set(ValueLayout.JAVA_BYTE, Short.BYTES, (byte) 0);
      }
      return address;
    }
  }
}
