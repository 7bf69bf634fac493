package org.apache.curator.stub;

/** Stands in for Curator, which the engine does not have on its class path. */
public record Connection() {}
