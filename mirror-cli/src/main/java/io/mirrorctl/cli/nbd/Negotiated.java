package io.mirrorctl.cli.nbd;

import java.util.Optional;

/**
 * What client and server agreed on.
 *
 * @param export which one is served
 * @param rules for requests
 * @param structured whether replies are structured
 * @param client who the client is, if it said so to a server that asks for it
 */
record Negotiated(Export export, Rules rules, boolean structured, Optional<NodeIdentity> client) {}
