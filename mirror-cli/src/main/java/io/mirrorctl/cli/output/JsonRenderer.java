package io.mirrorctl.cli.output;

import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Prints reports as JSON. */
public final class JsonRenderer {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private JsonRenderer() {}

  static String render(List<Report> reports) {
    JsonNode node = reports.size() == 1 ? object(reports.getFirst()) : array(reports);
    return JsonMapper.shared().writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
  }

  /** A report on one line without a line break, for streams of them. */
  public static String line(Report report) {
    return JsonMapper.shared().writeValueAsString(object(report));
  }

  /** A report as a tree. */
  public static ObjectNode object(Report report) {
    ObjectNode node = NODES.objectNode();
    for (Report.Part part : report.parts()) {
      if (!part.key().isEmpty()) {
        node.set(part.key(), value(part));
      }
    }
    return node;
  }

  private static ArrayNode array(List<Report> reports) {
    ArrayNode array = NODES.arrayNode();
    reports.forEach(report -> array.add(object(report)));
    return array;
  }

  private static JsonNode value(Report.Part part) {
    return switch (part) {
      case Report.Field field -> value(field.value());
      case Report.Group group -> object(group.report());
      case Report.Items items -> array(items.reports());
      case Report.Line _ -> NODES.nullNode();
    };
  }

  private static JsonNode value(Object value) {
    return switch (value) {
      case null -> NODES.nullNode();
      case Boolean b -> NODES.booleanNode(b);
      case Integer i -> NODES.numberNode(i);
      case Long l -> NODES.numberNode(l);
      case Double d -> NODES.numberNode(d);
      case List<?> list -> {
        ArrayNode array = NODES.arrayNode();
        list.forEach(element -> array.add(value(element)));
        yield array;
      }
      default -> NODES.stringNode(value.toString());
    };
  }
}
