package io.mirrorctl.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.google.common.base.Stopwatch;
import com.google.common.base.Ticker;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitAccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.Calendar;
import java.util.Collection;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.Timer;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Time, chance and threads come from {@code core.env}, so that a test or a simulation can give
 * others. The rules see calls, constructors and method references.
 */
final class EnvRules {
  private static final String ANY = "*";

  private EnvRules() {}

  static Rule time(String root, String module, String... exempt) {
    return rule(
        "time in " + module + " comes from Env",
        root,
        module,
        exempt,
        source(System.class, "nanoTime", "currentTimeMillis")
            .or(source(Thread.class, "sleep"))
            .or(source(TimeUnit.class, "sleep"))
            .or(source(Ticker.class, "systemTicker"))
            .or(
                source(Stopwatch.class, "createStarted", "createUnstarted")
                    .and(without(Ticker.class)))
            .or(source(InstantSource.class, "system"))
            .or(
                source(
                    Clock.class,
                    "system",
                    "systemUTC",
                    "systemDefaultZone",
                    "tickMillis",
                    "tickSeconds",
                    "tickMinutes"))
            .or(now(Instant.class))
            .or(now(LocalDate.class))
            .or(now(LocalTime.class))
            .or(now(LocalDateTime.class))
            .or(now(OffsetDateTime.class))
            .or(now(ZonedDateTime.class))
            .or(source(Date.class, "<init>").and(withoutParameters()))
            .or(source(Calendar.class, "getInstance")));
  }

  /** The node process may let its own threads idle; what a simulation drives may not. */
  static Rule parking(String root, String module, String... exempt) {
    return rule(
        "no thread of " + module + " is parked for a time",
        root,
        module,
        exempt,
        source(LockSupport.class, "parkNanos", "parkUntil"));
  }

  static Rule chance(String root, String module, String... exempt) {
    return rule(
        "chance in " + module + " comes from Env",
        root,
        module,
        exempt,
        source(Random.class, ANY)
            .or(source(SecureRandom.class, ANY))
            .or(source(ThreadLocalRandom.class, ANY))
            .or(source(SplittableRandom.class, ANY))
            .or(source(RandomGenerator.class, "of", "getDefault"))
            .or(source(RandomGeneratorFactory.class, ANY))
            .or(source(UUID.class, "randomUUID"))
            .or(source(Math.class, "random"))
            .or(source(Collections.class, "shuffle").and(without(RandomGenerator.class))));
  }

  static Rule threads(String root, String module, String... exempt) {
    return rule(
        "threads in " + module + " come from Env",
        root,
        module,
        exempt,
        source(Thread.class, "<init>", "ofPlatform", "ofVirtual", "startVirtualThread")
            .or(source(Executors.class, ANY))
            .or(source(ThreadPoolExecutor.class, "<init>"))
            .or(source(ForkJoinPool.class, ANY))
            .or(source(Timer.class, "<init>"))
            .or(source(Collection.class, "parallelStream"))
            .or(asyncOnTheCommonPool()));
  }

  private static Rule rule(
      String name,
      String root,
      String module,
      String[] exempt,
      DescribedPredicate<JavaAccess<?>> forbidden) {
    String[] outside = new String[exempt.length + 1];
    outside[0] = root + ".core.env..";
    for (int i = 0; i < exempt.length; i++) {
      outside[i + 1] = root + "." + exempt[i] + "..";
    }
    return new Rule(
        name,
        noClasses()
            .that()
            .resideInAPackage(root + "." + module + "..")
            .and()
            .resideOutsideOfPackages(outside)
            .should()
            .accessTargetWhere(forbidden.as("the target is left to core.env.Env")));
  }

  private static DescribedPredicate<JavaAccess<?>> source(Class<?> owner, String... names) {
    var wanted = List.of(names);
    return DescribedPredicate.describe(
        owner.getSimpleName(),
        access ->
            access.getTargetOwner().isAssignableTo(owner)
                && (wanted.contains(ANY) || wanted.contains(access.getName())));
  }

  private static DescribedPredicate<JavaAccess<?>> now(Class<?> owner) {
    return source(owner, "now").and(without(InstantSource.class));
  }

  private static DescribedPredicate<JavaAccess<?>> withoutParameters() {
    return DescribedPredicate.describe(
        "without parameters",
        access ->
            access.getTarget() instanceof CodeUnitAccessTarget target
                && target.getRawParameterTypes().isEmpty());
  }

  /** Calls that are not handed one of these by their caller. */
  private static DescribedPredicate<JavaAccess<?>> without(Class<?> parameter) {
    return DescribedPredicate.describe(
        "without " + parameter.getSimpleName(),
        access ->
            access.getTarget() instanceof CodeUnitAccessTarget target
                && target.getRawParameterTypes().stream()
                    .noneMatch(type -> type.isAssignableTo(parameter)));
  }

  private static DescribedPredicate<JavaAccess<?>> asyncOnTheCommonPool() {
    return DescribedPredicate.<JavaAccess<?>>describe(
            "async",
            access ->
                access.getTargetOwner().isAssignableTo(CompletableFuture.class)
                    && access.getName().endsWith("Async"))
        .and(without(Executor.class));
  }
}
