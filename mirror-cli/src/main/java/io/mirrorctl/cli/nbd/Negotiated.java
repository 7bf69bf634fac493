package io.mirrorctl.cli.nbd;

/**
 * What client and server agreed on.
 *
 * @param export which one is served
 * @param rules for requests
 * @param structured whether replies are structured
 */
record Negotiated(Export export, Rules rules, boolean structured) {}
