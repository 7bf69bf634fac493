/**
 * The demonstration: a mirror on two files, a crash in mid-write, and proof that nothing is lost.
 */
package io.mirrorctl.cli.demo;
