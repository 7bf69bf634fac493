/** The commands, one class each: they parse, ask the engine or a node, and build reports. */
package io.mirrorctl.cli.command;
