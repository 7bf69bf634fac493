/** Arrays that several nodes use at a time: what a node does for them, and with the others. */
package io.mirrorctl.dlm.cluster;
