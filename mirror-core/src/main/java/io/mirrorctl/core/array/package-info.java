/**
 * The RAID1 array: its members, their states, the data path and every change of the set of members.
 */
package io.mirrorctl.core.array;
