package io.mirrorctl.cli.daemon;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import tools.jackson.databind.JsonNode;

/**
 * What a node says to a request: any number of lines of progress, then one answer, each a line of
 * JSON. Empty lines in between only show that the node lives.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "reply")
@JsonSubTypes({
  @JsonSubTypes.Type(value = NodeReply.Progress.class, name = "progress"),
  @JsonSubTypes.Type(value = NodeReply.Done.class, name = "done"),
  @JsonSubTypes.Type(value = NodeReply.Failed.class, name = "failed")
})
sealed interface NodeReply {

  /** How far it came, or an event. */
  record Progress(JsonNode value) implements NodeReply {}

  /** It was done. */
  record Done(JsonNode value) implements NodeReply {}

  /**
   * It was not done.
   *
   * @param exit the exit code for the command
   */
  record Failed(String message, int exit) implements NodeReply {}
}
