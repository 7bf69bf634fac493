/** {@link io.mirrorctl.dlm.store.Store} on Apache ZooKeeper, and a server for one host. */
package io.mirrorctl.dlm.zookeeper;
