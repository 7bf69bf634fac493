package io.mirrorctl.core.block;

import static io.mirrorctl.core.block.BlockDeviceContract.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DescriptorTest {
  @TempDir Path directory;
  private Path file;
  private Descriptor descriptor;
  private int number;

  @BeforeEach
  void openFile() throws Exception {
    file = Files.write(directory.resolve("file"), new byte[512]);
    number = Libc.open(file, Libc.O_RDWR);
    assertThat(number).isPositive();
    descriptor = new Descriptor(number, "file");
  }

  private boolean isOpen() {
    Path link = Path.of("/proc/self/fd", Integer.toString(number));
    try {
      return Files.readSymbolicLink(link).equals(file);
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void theNumberStaysOpenUntilTheLastCallHasLeft() throws Exception {
    assertThat(descriptor.enter()).isEqualTo(number);
    assertThat(descriptor.enter()).isEqualTo(number);
    CompletableFuture<Void> closed = new CompletableFuture<>();
    Thread closer =
        Thread.ofPlatform()
            .start(() -> {
              try {
                descriptor.close();
                closed.complete(null);
              } catch (InterruptedIOException e) {
                closed.completeExceptionally(e);
              }
            });
    await().until(() -> closer.getState() == Thread.State.WAITING);
    refused(IoFailure.CLOSED, descriptor::enter);
    assertThat(isOpen()).isTrue();
    descriptor.leave();
    refused(IoFailure.CLOSED, descriptor::enter);
    assertThat(isOpen()).isTrue();
    assertThat(closed).isNotDone();
    descriptor.leave();
    closed.get();
    assertThat(isOpen()).isFalse();
  }

  @Test
  void closingTwiceClosesOnce() throws Exception {
    descriptor.close();
    Path other = Files.write(directory.resolve("other"), new byte[512]);
    int reused = Libc.open(other, Libc.O_RDWR);
    descriptor.close();
    refused(IoFailure.CLOSED, descriptor::enter);
    assertThat(FileStatus.of(reused, "other").sizeBytes()).isEqualTo(512);
    Libc.close(reused);
  }

  @Test
  void anInterruptedCloserLeavesTheWorkToTheLastCall() throws Exception {
    descriptor.enter();
    Thread.currentThread().interrupt();
    assertThatExceptionOfType(InterruptedIOException.class).isThrownBy(descriptor::close);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(isOpen()).isTrue();
    descriptor.leave();
    assertThat(isOpen()).isFalse();
  }

  @Test
  void anInterruptedThreadClosesWhatNobodyUses() throws Exception {
    Thread.currentThread().interrupt();
    try {
      descriptor.close();
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    assertThat(isOpen()).isFalse();
  }
}
