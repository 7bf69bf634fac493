/**
 * The write-intent bitmap of one slot: which chunks may differ between the members, in memory as
 * counters and on every member as bits that are durable before the data they announce.
 */
package io.mirrorctl.core.bitmap;
