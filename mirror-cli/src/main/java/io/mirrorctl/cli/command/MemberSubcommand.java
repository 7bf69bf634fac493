package io.mirrorctl.cli.command;

import picocli.CommandLine.Parameters;

/** A command that asks a node for something about one disk of one array. */
abstract class MemberSubcommand extends NodeSubcommand {
  @Parameters(index = "0", paramLabel = "NAME", description = "The array.")
  private String name;

  @Parameters(index = "1", paramLabel = "DISK", description = "The disk.")
  private String disk;

  /** The array's name. */
  final String array() {
    return array(name);
  }

  /** The disk as the node names it. */
  final String disk() {
    return disk(disk);
  }
}
