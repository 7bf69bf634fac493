package io.mirrorctl.dlm.zookeeper;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A process that runs a {@code main} of the test's class path, and dies with the test's JVM even if
 * either is killed or stopped.
 */
public final class ChildJvm implements AutoCloseable {
  /** The kernel kills a child when the thread ends that started it: so that one never does. */
  private static final ExecutorService SPAWNER =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().name("child-spawner").daemon(true).factory());

  private static final Set<Process> CHILDREN = ConcurrentHashMap.newKeySet();
  private static final long END_SECONDS = 30;

  static {
    Runtime.getRuntime()
        .addShutdownHook(new Thread(() -> CHILDREN.forEach(Process::destroyForcibly)));
  }

  private final Process process;

  private ChildJvm(Process process) {
    this.process = process;
  }

  /**
   * Starts a child whose standard streams are ours to use.
   *
   * @param options of the JVM, as {@code -Xmx64m}
   */
  public static ChildJvm start(Class<?> main, List<String> options, String... arguments) {
    return start(command(main, options, arguments));
  }

  /** Starts a child that writes into a file what it has to say. */
  public static ChildJvm start(
      Path output, Class<?> main, List<String> options, String... arguments) {
    return start(
        command(main, options, arguments)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(output.toFile())));
  }

  private static ProcessBuilder command(Class<?> main, List<String> options, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(ChildJvm.class.getName(), main.getName()));
    command.addAll(Arrays.asList(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  private static ChildJvm start(ProcessBuilder builder) {
    Process process =
        CompletableFuture.supplyAsync(
                () -> {
                  try {
                    return builder.start();
                  } catch (IOException e) {
                    throw new UncheckedIOException(e);
                  }
                },
                SPAWNER)
            .join();
    CHILDREN.add(process);
    return new ChildJvm(process);
  }

  /** What the child writes, unless it goes to a file. */
  public BufferedReader output() {
    return process.inputReader();
  }

  public Process process() {
    return process;
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** SIGSTOP: returns once it stands still. */
  public void pause() {
    signal("STOP");
  }

  /** SIGCONT. */
  public void resume() {
    signal("CONT");
  }

  /** SIGKILL: returns once it has gone. */
  public void kill() {
    process.destroyForcibly();
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("process %d survived".formatted(process.pid()));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
    CHILDREN.remove(process);
  }

  @Override
  public void close() {
    kill();
  }

  private void signal(String name) {
    try {
      int code =
          new ProcessBuilder("sh", "-c", "kill -%s %d".formatted(name, process.pid()))
              .start()
              .waitFor();
      if (code != 0) {
        throw new AssertionError("kill -%s %d: exit %d".formatted(name, process.pid(), code));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** In the child: ties it to its parent, then runs the class named first. */
  public static void main(String[] arguments) throws Throwable {
    dieWithParent();
    Class.forName(arguments[0])
        .getMethod("main", String[].class)
        .invoke(null, (Object) Arrays.copyOfRange(arguments, 1, arguments.length));
  }

  @SuppressWarnings("restricted") // asks the kernel
  private static void dieWithParent() throws Throwable {
    Linker linker = Linker.nativeLinker();
    var prctl = linker.defaultLookup().find("prctl");
    if (prctl.isPresent()) {
      int deathSignal = 1;
      long kill = 9;
      int _ =
          (int)
              linker
                  .downcallHandle(
                      prctl.get(),
                      FunctionDescriptor.of(
                          ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG),
                      Linker.Option.firstVariadicArg(1))
                  .invokeExact(deathSignal, kill);
    }
    ProcessHandle parent = ProcessHandle.current().parent().orElseThrow();
    var _ = parent.onExit().thenRun(() -> Runtime.getRuntime().halt(1));
  }
}
