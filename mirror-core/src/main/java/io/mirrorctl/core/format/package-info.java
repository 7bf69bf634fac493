/**
 * The on-disk format of Linux md, metadata version 1.2: superblock, write-intent bitmap header,
 * bad-block log, and where they lie on a member disk.
 *
 * <p>Everything here is a value. Reading foreign bytes ends in a value that says what was found; no
 * length or offset found on a disk is used before it was checked.
 */
package io.mirrorctl.core.format;
