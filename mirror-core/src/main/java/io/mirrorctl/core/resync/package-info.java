/** When and how fast members are made equal: resync, recovery and scrub. */
package io.mirrorctl.core.resync;
