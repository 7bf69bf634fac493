/** The node's place in a cluster: how it gets it, keeps it and gives it up. */
package io.mirrorctl.cli.cluster;
