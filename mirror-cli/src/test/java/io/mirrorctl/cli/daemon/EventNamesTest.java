package io.mirrorctl.cli.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.mirrorctl.cli.cluster.ClusterEvent;
import io.mirrorctl.core.array.ArrayEvent;
import io.mirrorctl.core.block.SectorRange;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Scripts rely on the names and keys of events: docs/cli.md has them all. */
class EventNamesTest {
  private static final Instant NOW = Instant.EPOCH;

  /** A row of the table, as in {@code | `a`, `b` | `disk` | when |}. */
  private static final Pattern ROW = Pattern.compile("\\| (`[^|]*`) \\|([^|]*)\\| [^|]+ \\|");

  private static final Pattern WORD = Pattern.compile("`([a-z-]+)`");

  /** Keys that every event has. */
  private static final Set<String> ALWAYS = Set.of("time", "array", "event", "message");

  @Test
  void everyEventOfTheCodeIsInTheDocumentationWithItsKeysAndNoOther() throws Exception {
    Map<String, Set<String>> made = new TreeMap<>();
    for (Class<?> kind : ArrayEvent.class.getPermittedSubclasses()) {
      add(NodeEvent.of(NOW, "m", (ArrayEvent) anyOf(kind)), made);
    }
    for (Object event : madeBy(ClusterEvent.class)) {
      add(NodeEvent.of(NOW, (ClusterEvent) event), made);
    }
    for (Object event : madeBy(NodeEvent.class)) {
      add((NodeEvent) event, made);
    }

    assertThat(made).hasSizeGreaterThan(20).isEqualTo(documented());
  }

  private static void add(NodeEvent event, Map<String, Set<String>> to) {
    JsonNode json = JsonMapper.shared().readTree(event.toJson());
    Set<String> keys = new TreeSet<>(json.propertyNames());
    assertThat(keys).as(event.event()).containsAll(ALWAYS);
    keys.removeAll(ALWAYS);
    to.put(event.event(), keys);
  }

  private static Map<String, Set<String>> documented() throws Exception {
    String text = Files.readString(Path.of("../docs/cli.md"));
    int start = text.indexOf("\n## `monitor`");
    String chapter = text.substring(start, text.indexOf("\n## ", start + 1));
    Map<String, Set<String>> rows = new TreeMap<>();
    chapter
        .lines()
        .map(ROW::matcher)
        .filter(Matcher::matches)
        .forEach(row ->
            words(row.group(1))
                .forEach(name -> rows.put(name, new TreeSet<>(words(row.group(2)).toList()))));
    return rows;
  }

  private static Stream<String> words(String cell) {
    return WORD.matcher(cell).results().map(found -> found.group(1));
  }

  /** What the static methods of a class make, which have no other event or array to start from. */
  private static Stream<Object> factories(Class<?> type) {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(method -> Modifier.isStatic(method.getModifiers()) && !method.isSynthetic())
        .filter(method -> !Modifier.isPrivate(method.getModifiers()))
        .filter(method -> method.getReturnType() == type && !method.getName().equals("of"))
        .map(EventNamesTest::call);
  }

  private static Iterable<Object> madeBy(Class<?> type) {
    return factories(type).toList();
  }

  private static Object call(Method method) {
    try {
      method.setAccessible(true);
      return method.invoke(null, anyOf(method.getParameterTypes()));
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(method.toString(), e);
    }
  }

  private static Object[] anyOf(Class<?>[] types) throws ReflectiveOperationException {
    Object[] values = new Object[types.length];
    for (int i = 0; i < types.length; i++) {
      values[i] = anyOf(types[i]);
    }
    return values;
  }

  private static Object anyOf(Class<?> type) throws ReflectiveOperationException {
    if (type == String.class) {
      return "x";
    }
    if (type == Instant.class) {
      return NOW;
    }
    if (type == Optional.class) {
      return Optional.of("x");
    }
    if (type == SectorRange.class) {
      return new SectorRange(0, 1);
    }
    if (type == UUID.class) {
      return new UUID(1, 2);
    }
    if (type == boolean.class) {
      return true;
    }
    if (type == int.class || type == Integer.class) {
      return 1;
    }
    if (type == long.class || type == Long.class) {
      return 1L;
    }
    if (type.isRecord()) {
      Class<?>[] components =
          Arrays.stream(type.getRecordComponents())
              .map(RecordComponent::getType)
              .toArray(Class<?>[]::new);
      Constructor<?> constructor = type.getDeclaredConstructor(components);
      constructor.setAccessible(true);
      return constructor.newInstance(anyOf(components));
    }
    throw new AssertionError("this test has to know what a %s may be".formatted(type));
  }
}
