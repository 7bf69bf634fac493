/**
 * The demonstration: two nodes on one mirror, a death in mid-write, and proof that nothing is lost.
 */
package io.mirrorctl.cli.demo;
