package io.mirrorctl.dlm.store;

/**
 * What was stored at a path.
 *
 * @param version rises by one with every change, from 0; starts again when the entry is deleted and
 *     created anew
 * @param session the session whose end deletes the entry, or 0 if it outlives sessions
 */
public record Entry(Bytes data, int version, long session) {}
