/**
 * Tests with real processes, clients and peers, and what they share: programs, nodes, loop devices,
 * faulty disks, mounts and the Linux kernel as a judge.
 */
package io.mirrorctl.it;
