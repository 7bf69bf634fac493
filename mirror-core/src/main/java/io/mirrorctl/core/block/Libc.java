package io.mirrorctl.core.block;

import com.google.common.base.Throwables;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.charset.Charset;
import java.nio.file.Path;

/**
 * The system calls of member I/O on 64-bit Linux (x86_64, aarch64), by the C library.
 *
 * <p>Every method returns what the call returned, or minus the errno. EINTR is retried here, so
 * callers never see it. The calls block, and a virtual thread stays on its carrier meanwhile.
 */
@SuppressWarnings("restricted") // calling C is what this class is for
final class Libc {
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_EXCL = 0x80;
  static final int O_CLOEXEC = 0x80000;
  static final int O_DIRECT = oDirect(System.getProperty("os.arch"));

  static final int FALLOC_KEEP_SIZE = 0x01;
  static final int FALLOC_PUNCH_HOLE = 0x02;
  static final int FALLOC_ZERO_RANGE = 0x10;

  static final int SEEK_DATA = 3;
  static final int SEEK_HOLE = 4;

  static final int BLKROGET = 0x125e;
  static final int BLKSSZGET = 0x1268;
  static final int BLKDISCARD = 0x1277;
  static final int BLKPBSZGET = 0x127b;
  static final long BLKGETSIZE64 = 0x80081272L;

  static final short LOCK_READ = 0;
  static final short LOCK_WRITE = 1;
  static final short LOCK_NONE = 2;

  private static final int RWF_DSYNC = 0x2;
  private static final int OFD_GETLK = 36;
  private static final int OFD_SETLK = 37;
  private static final int OFD_SETLKW = 38;
  private static final int AT_FDCWD = -100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_AND_DIOALIGN = 0x27ff;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
  private static final AddressLayout POINTER = ValueLayout.ADDRESS;

  private static final MemoryLayout CAPTURE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO = CAPTURE.varHandle(PathElement.groupElement("errno"));

  private static final MethodHandle OPEN =
      variadic("open", 2, FunctionDescriptor.of(INT, POINTER, INT));
  private static final MethodHandle CLOSE = call("close", FunctionDescriptor.of(INT, INT));
  private static final MethodHandle STATX =
      call("statx", FunctionDescriptor.of(INT, INT, POINTER, INT, INT, POINTER));
  private static final MethodHandle FSTATFS =
      call("fstatfs", FunctionDescriptor.of(INT, INT, POINTER));
  private static final MethodHandle PREAD =
      call("pread", FunctionDescriptor.of(LONG, INT, POINTER, LONG, LONG));
  private static final MethodHandle PWRITE =
      call("pwrite", FunctionDescriptor.of(LONG, INT, POINTER, LONG, LONG));
  private static final MethodHandle PWRITEV2 =
      call("pwritev2", FunctionDescriptor.of(LONG, INT, POINTER, INT, LONG, INT));
  private static final MethodHandle FDATASYNC = call("fdatasync", FunctionDescriptor.of(INT, INT));
  private static final MethodHandle FALLOCATE =
      call("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG));
  private static final MethodHandle LSEEK =
      call("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT));
  private static final MethodHandle FCNTL =
      variadic("fcntl", 2, FunctionDescriptor.of(INT, INT, INT, POINTER));
  private static final MethodHandle IOCTL =
      variadic("ioctl", 2, FunctionDescriptor.of(INT, INT, LONG, POINTER));

  /** Where a thread's calls leave their errno, and the one iovec that pwritev2 wants. */
  private static final ThreadLocal<Scratch> SCRATCH = ThreadLocal.withInitial(Scratch::new);

  private static final class Scratch {
    private final MemorySegment captured;
    private final MemorySegment iovec;

    private Scratch() {
      Arena arena = Arena.ofAuto();
      captured = arena.allocate(CAPTURE);
      iovec = arena.allocate(16, 8);
    }

    /** Whether a signal cut the call before it did anything. */
    private boolean again(long result) {
      return result < 0 && Errno.EINTR.is(outcome(result));
    }

    private long outcome(long result) {
      return result >= 0 ? result : -(int) ERRNO.get(captured, 0L);
    }
  }

  private Libc() {}

  /** Opens a file; {@code flags} are O_ constants of this class. */
  static int open(Path path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = cString(arena, path);
      Scratch scratch = SCRATCH.get();
      int fd;
      do {
        fd = (int) OPEN.invokeExact(scratch.captured, name, flags | O_CLOEXEC);
      } while (scratch.again(fd));
      return (int) scratch.outcome(fd);
    } catch (Throwable t) {
      throw broken("open", t);
    }
  }

  /** Closes the descriptor; it is closed whatever the result. */
  static int close(int fd) {
    try {
      Scratch scratch = SCRATCH.get();
      int result = (int) CLOSE.invokeExact(scratch.captured, fd);
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("close", t);
    }
  }

  /** Fills {@code into}, a {@code struct statx}, about a path. */
  static int statx(Path path, MemorySegment into) {
    return statx(AT_FDCWD, path, into);
  }

  /** Fills {@code into}, a {@code struct statx}, about an open file. */
  static int statx(int fd, MemorySegment into) {
    return statx(fd, Path.of(""), into);
  }

  private static int statx(int fd, Path path, MemorySegment into) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = cString(arena, path);
      Scratch scratch = SCRATCH.get();
      int mask = STATX_BASIC_AND_DIOALIGN;
      int result;
      do {
        result = (int) STATX.invokeExact(scratch.captured, fd, name, AT_EMPTY_PATH, mask, into);
      } while (scratch.again(result));
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("statx", t);
    }
  }

  /** The magic number of the file system that holds the file. */
  static long fileSystemMagic(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment into = arena.allocate(256, 8);
      Scratch scratch = SCRATCH.get();
      int result = (int) FSTATFS.invokeExact(scratch.captured, fd, into);
      return result == 0 ? into.get(LONG, 0) : scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("fstatfs", t);
    }
  }

  /** Reads into native memory; the bytes read, 0 at the end of the file. */
  static long pread(int fd, MemorySegment into, long offset) {
    try {
      Scratch scratch = SCRATCH.get();
      long done;
      do {
        done = (long) PREAD.invokeExact(scratch.captured, fd, into, into.byteSize(), offset);
      } while (scratch.again(done));
      return scratch.outcome(done);
    } catch (Throwable t) {
      throw broken("pread", t);
    }
  }

  /** Writes from native memory; the bytes written. */
  static long pwrite(int fd, MemorySegment from, long offset) {
    try {
      Scratch scratch = SCRATCH.get();
      long done;
      do {
        done = (long) PWRITE.invokeExact(scratch.captured, fd, from, from.byteSize(), offset);
      } while (scratch.again(done));
      return scratch.outcome(done);
    } catch (Throwable t) {
      throw broken("pwrite", t);
    }
  }

  /** Writes from native memory with RWF_DSYNC: durable when it returns. */
  static long pwriteDurably(int fd, MemorySegment from, long offset) {
    try {
      Scratch scratch = SCRATCH.get();
      scratch.iovec.set(LONG, 0, from.address());
      scratch.iovec.set(LONG, 8, from.byteSize());
      long done;
      do {
        done =
            (long) PWRITEV2.invokeExact(scratch.captured, fd, scratch.iovec, 1, offset, RWF_DSYNC);
      } while (scratch.again(done));
      return scratch.outcome(done);
    } catch (Throwable t) {
      throw broken("pwritev2", t);
    } finally {
      Reference.reachabilityFence(from); // the iovec holds its address as a number only
    }
  }

  static int fdatasync(int fd) {
    try {
      Scratch scratch = SCRATCH.get();
      int result;
      do {
        result = (int) FDATASYNC.invokeExact(scratch.captured, fd);
      } while (scratch.again(result));
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("fdatasync", t);
    }
  }

  static int fallocate(int fd, int mode, long offset, long length) {
    try {
      Scratch scratch = SCRATCH.get();
      int result;
      do {
        result = (int) FALLOCATE.invokeExact(scratch.captured, fd, mode, offset, length);
      } while (scratch.again(result));
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("fallocate", t);
    }
  }

  /** Only for SEEK_DATA and SEEK_HOLE: all reading and writing here is positional. */
  static long lseek(int fd, long offset, int whence) {
    try {
      Scratch scratch = SCRATCH.get();
      long result = (long) LSEEK.invokeExact(scratch.captured, fd, offset, whence);
      return scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("lseek", t);
    }
  }

  /** Sets or removes a lock of this open file description without waiting; EAGAIN if refused. */
  static int setLock(int fd, short type, long start, long length) {
    return setLock(fd, OFD_SETLK, type, start, length);
  }

  /** Sets a lock of this open file description as soon as nobody is in its way. */
  static int waitForLock(int fd, short type, long start, long length) {
    return setLock(fd, OFD_SETLKW, type, start, length);
  }

  private static int setLock(int fd, int command, short type, long start, long length) {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = SCRATCH.get();
      MemorySegment lock = lock(arena, type, start, length);
      int result;
      do {
        result = (int) FCNTL.invokeExact(scratch.captured, fd, command, lock);
      } while (scratch.again(result));
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("fcntl", t);
    }
  }

  /** 1 if a lock of somebody else keeps this one from being set, 0 if none does. */
  static int wouldConflict(int fd, short type, long start, long length) {
    try (Arena arena = Arena.ofConfined()) {
      Scratch scratch = SCRATCH.get();
      MemorySegment lock = lock(arena, type, start, length);
      int result = (int) FCNTL.invokeExact(scratch.captured, fd, OFD_GETLK, lock);
      if (result != 0) {
        return (int) scratch.outcome(result);
      }
      return lock.get(ValueLayout.JAVA_SHORT, 0) == LOCK_NONE ? 0 : 1;
    } catch (Throwable t) {
      throw broken("fcntl", t);
    }
  }

  /** An ioctl that fills or takes {@code argument}. */
  static int ioctl(int fd, long request, MemorySegment argument) {
    try {
      Scratch scratch = SCRATCH.get();
      int result;
      do {
        result = (int) IOCTL.invokeExact(scratch.captured, fd, request, argument);
      } while (scratch.again(result));
      return (int) scratch.outcome(result);
    } catch (Throwable t) {
      throw broken("ioctl", t);
    }
  }

  /** {@code struct flock} of 64-bit Linux; l_whence is SEEK_SET, l_pid must be 0. */
  private static MemorySegment lock(Arena arena, short type, long start, long length) {
    MemorySegment lock = arena.allocate(32, 8);
    lock.set(ValueLayout.JAVA_SHORT, 0, type);
    lock.set(LONG, 8, start);
    lock.set(LONG, 16, length);
    return lock;
  }

  private static MemorySegment cString(Arena arena, Path path) {
    byte[] bytes = path.toString().getBytes(FILE_NAMES);
    MemorySegment string = arena.allocate(bytes.length + 1L);
    MemorySegment.copy(bytes, 0, string, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return string;
  }

  /** The encoding in which the JDK itself turns paths into file names. */
  private static final Charset FILE_NAMES =
      Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));

  private static MethodHandle call(String name, FunctionDescriptor shape) {
    return link(name, shape, Linker.Option.captureCallState("errno"));
  }

  private static MethodHandle variadic(String name, int fixed, FunctionDescriptor shape) {
    return link(
        name,
        shape,
        Linker.Option.captureCallState("errno"),
        Linker.Option.firstVariadicArg(fixed));
  }

  private static MethodHandle link(
      String name, FunctionDescriptor shape, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    MemorySegment symbol =
        linker
            .defaultLookup()
            .find(name)
            .orElseThrow(() ->
                new UnsatisfiedLinkError(
                    "the C library has no " + name + "; glibc 2.28 or newer is needed"));
    return linker.downcallHandle(symbol, shape, options);
  }

  private static int oDirect(String architecture) {
    return switch (architecture) {
      case "amd64", "x86_64" -> 0x4000;
      case "aarch64" -> 0x10000;
      default ->
          throw new UnsatisfiedLinkError(
              "member I/O knows Linux on x86_64 and aarch64 only, not " + architecture);
    };
  }

  /** A downcall throws only for bugs: a wrong type, or memory that its owner has freed. */
  private static Error broken(String name, Throwable cause) {
    Throwables.throwIfUnchecked(cause);
    return new AssertionError("calling " + name, cause);
  }
}
