/** The node process and what it is wired of. */
package io.mirrorctl.cli.daemon;
